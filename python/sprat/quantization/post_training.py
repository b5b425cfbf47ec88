"""Post-training quantization: a trained float model becomes an integer model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check, _device
from ..nn.mlp import MLP
from ..packing.model import PackedMLP
from ..packing.pack import pack_layer
from . import observers
from .arrays import quantize
from .observers import Observer
from .qparams import choose_qparams, value_range

__all__ = ["quantize_model", "weight_qparams"]

GRANULARITIES = ("per_channel", "per_tensor")
_BATCH_ROWS = 1024


def weight_qparams(weight: NDArray[Any], weights: str = "per_channel") -> NDArray[np.float32]:
    """The scales of a weight for symmetric codes, -127 to 127.

    Parameters
    ----------
    weight : array (out_features, in_features)
    weights : {"per_channel", "per_tensor"}
        Each output by its own range, or all by that of the whole weight.

    Returns
    -------
    float32 ndarray (out_features,)

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import weight_qparams
    >>> weight_qparams(np.float32([[1.27, 0], [0, -2.54]]))
    array([0.01, 0.02], dtype=float32)
    """
    _check.check_choice("weights", weights, GRANULARITIES)
    low, high = value_range(np.asarray(weight, np.float32), 0 if weights == "per_channel" else None)
    scale, _ = choose_qparams(low, high, "int8", symmetric=True)
    return np.array(np.broadcast_to(scale, weight.shape[:1]))


def int8_codes(
    weight: NDArray[np.float32], weights: str = "per_channel"
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes -127 to 127 of a weight (out, in), and the scale of each output.

    >>> import numpy as np
    >>> from sprat.quantization.post_training import int8_codes
    >>> int8_codes(np.float32([[1.27, 0.5]]))[0].tolist()
    [[127, 50]]
    """
    scale = weight_qparams(weight, weights)
    return quantize(weight, scale, axis=0, quant_min=-127), scale


def quantize_model(
    model: MLP,
    calibration: Any = None,
    *,
    observer: str | Observer | Callable[[], Observer] = "minmax",
    weights: str = "per_channel",
) -> PackedMLP:
    """The model on integers: int8 weights, uint8 activations.

    Parameters
    ----------
    model : nn.MLP
        Not changed. A float64 model is rounded to float32 first.
    calibration : array (rows, in_features), table, or iterable of batches of either; optional
        Typical inputs; a few hundred rows usually do. What they make of each layer's input fixes its scale (static: the
        fastest). Without any, each row is quantized by its own range when it comes (dynamic: nothing to calibrate, no
        surprise saturates), but for a model from quantization-aware training, which brings its ranges along.
    observer : {"minmax", "moving_average", "percentile", "mse", "entropy"}, Observer, or function that makes one
        How a range is found from the calibration; see :mod:`sprat.quantization.observers`. A given Observer is a
        pattern, not used itself.
    weights : {"per_channel", "per_tensor"}
        One scale for each output, or one for the whole weight.

    Returns
    -------
    PackedMLP
        With the model's loss and encoder.

    Raises
    ------
    ValueError
        If a weight or the calibration is not finite, if the calibration has no rows, or if a layer has more than
        65793 inputs.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).standard_normal((256, 8)).astype(np.float32)
    >>> model = sprat.nn.MLP([8, 16, 3], seed=0)
    >>> sprat.quantization.quantize_model(model)
    PackedMLP(8-16-3, relu, dynamic int8)
    >>> quantized = sprat.quantization.quantize_model(model, calibration=x, observer="percentile")
    >>> quantized.layers[1].is_static
    True
    """
    _device.refuse("quantize_model", model)
    if not isinstance(model, MLP):
        raise TypeError(f"model: wanted an nn.MLP, got {type(model).__name__}")
    _check.check_choice("weights", weights, GRANULARITIES)
    qparams = calibrate(model, calibration, observer)
    parameters = model.parameters()
    quantized = PackedMLP(
        [
            pack_layer(f"layers.{index}", spec, parameters, "int8", qparams[index], granularity=weights)
            for index, spec in enumerate(model.layers)
        ]
    )
    quantized._take_head(model)
    return quantized


def calibrate(model: MLP, calibration: Any, observer: Any) -> list[tuple[float, int] | None]:
    """Scale and zero point of every layer's input."""
    count = len(model.layers)
    watching = [observers.make(observer) for _ in range(count)]  # refuses a bad observer in any case
    if calibration is None:
        trained = [None] * count if model.input_quant is None else model.input_quant
        return [None if quant is None else quant[:2] for quant in trained]
    if model.input_quant is not None:
        raise ValueError("calibration: wanted None for a model from quantization-aware training (model.input_quant)")
    rows = 0
    for batch in _batches(calibration):
        inputs = model._inputs(batch)
        for start in range(0, inputs.shape[0], _BATCH_ROWS):
            part = inputs[start : start + _BATCH_ROWS]
            rows += part.shape[0]
            for index in range(count):
                try:
                    watching[index].observe(part if index == 0 else model.hidden(part, index - 1))
                except ValueError as error:
                    what = "calibration" if index == 0 else f"calibration: activations after layer {index - 1}"
                    raise ValueError(f"{what}{str(error).removeprefix('x')}") from None
    if rows == 0:
        raise ValueError("calibration: wanted at least one row")
    return [(float(scale), int(zero)) for scale, zero in (one.qparams("uint8") for one in watching)]


def _batches(calibration: Any) -> Iterable[Any]:
    """A matrix or a table is one batch; what else can be iterated gives batches."""
    if isinstance(calibration, np.ndarray | Mapping) or hasattr(calibration, "columns"):
        return [calibration]
    if not isinstance(calibration, Iterable):
        raise TypeError(f"calibration: wanted rows or an iterable of batches, got {type(calibration).__name__}")
    return calibration
