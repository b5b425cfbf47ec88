"""Networks that multiply integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check, _core
from ..nn.mlp import MLP
from ..nn.model import LayerSpec, Model
from .arrays import dequantize

__all__ = ["QuantizedLayer", "QuantizedMLP"]


@dataclass(frozen=True, eq=False)
class QuantizedLayer:
    """One layer: int8 weights with a scale for each output, and how its input becomes uint8.

    Attributes
    ----------
    weight : int8 ndarray (out_features, in_features)
    weight_scale : float32 ndarray (out_features,)
        Step of each row's codes; their zero point is 0.
    bias : float32 ndarray (out_features,), or None
    activation : str
    input_scale, input_zero_point : float and int, or None
        Of the uint8 codes of the input (static); None: each row of the input by its own range (dynamic).

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import QuantizedLayer
    >>> layer = QuantizedLayer(np.int8([[1, 2, 3]]), np.float32([0.5]), None, "relu")
    >>> layer.in_features, layer.out_features, layer.is_static
    (3, 1, False)
    """

    weight: NDArray[np.int8]
    weight_scale: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    activation: str
    input_scale: float | None = None
    input_zero_point: int | None = None

    @property
    def in_features(self) -> int:
        """Columns of the input."""
        return int(self.weight.shape[1])

    @property
    def out_features(self) -> int:
        """Columns of the output."""
        return int(self.weight.shape[0])

    @property
    def is_static(self) -> bool:
        """Whether the codes of the input have one scale for all rows."""
        return self.input_scale is not None

    @property
    def input_qparams(self) -> tuple[float, int] | None:
        """Scale and zero point of the input's codes, None when dynamic."""
        if self.input_scale is None or self.input_zero_point is None:
            return None
        return self.input_scale, self.input_zero_point


class QuantizedMLP(Model):
    """A multilayer perceptron on integers, made by :func:`quantize_model` or by quantization-aware training.

    In every layer the input becomes uint8, is multiplied by the int8 weights with exact 32-bit sums, and comes back to
    float32 for bias and activation::

        y = activation((sum_k x[k] w[n, k] - input_zero_point * sum_k w[n, k]) * (input_scale * weight_scale[n]) + bias[n])

    Parameters
    ----------
    layers : sequence of QuantizedLayer
        Each takes what the one before gives; at most 65793 input features, beyond which a sum could overflow.

    Notes
    -----
    Neither instruction set, number of threads nor how rows are cut into batches changes a bit of the output, with
    dynamic quantization too: every row has its own range. Inputs and outputs are float32. A NaN in the input counts as
    0 and an infinity saturates, since integers have neither. Any number of threads may call one model.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).standard_normal((100, 8)).astype(np.float32)
    >>> model = sprat.nn.MLP([8, 32, 4], seed=0)
    >>> quantized = sprat.quantization.quantize_model(model, calibration=x)
    >>> quantized
    QuantizedMLP(8-32-4, relu, int8 weights, static uint8 activations)
    >>> bool(np.abs(quantized(x) - model(x)).max() < 0.1), quantized.nbytes < model.params.nbytes / 2
    (True, True)
    """

    def __init__(self, layers: Sequence[QuantizedLayer]) -> None:
        self._layers = tuple(_own(layer, index) for index, layer in enumerate(layers))
        self._native = _native(self._layers)
        self._parts: dict[int, _core.Predictor] = {}
        self._set_runner(self._native)

    @property
    def layers(self) -> tuple[QuantizedLayer, ...]:
        """The layers, from the input to the output. Their arrays cannot be written to."""
        return self._layers

    @property
    def in_features(self) -> int:
        """Columns of ``x``."""
        return self._layers[0].in_features

    @property
    def out_features(self) -> int:
        """Columns of the output."""
        return self._layers[-1].out_features

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32: of inputs and outputs."""
        return np.dtype(np.float32)

    @property
    def is_static(self) -> bool:
        """Whether all scales were fixed by calibration or training."""
        return all(layer.is_static for layer in self._layers)

    @property
    def num_parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.weight.size + (0 if layer.bias is None else layer.bias.size) for layer in self._layers)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays: weights, scales and biases, as a file holds them."""
        return sum(array.nbytes for array in self.arrays().values())

    def _run(self, x: NDArray[Any], out: NDArray[Any]) -> None:
        self._native.run(x, out)

    def _native_predictor(self) -> _core.Predictor:
        return self._native  # it never changes, so a Predictor may share it

    def hidden(self, x: ArrayLike, layer: int) -> NDArray[np.float32]:
        """Activations after a layer: (rows, its out_features).

        >>> import sprat
        >>> quantized = sprat.quantization.quantize_model(sprat.nn.MLP([4, 8, 2]))
        >>> quantized.hidden([[1, 2, 3, 4]], 0).shape
        (1, 8)
        """
        count = len(self._layers)
        if isinstance(layer, bool) or not -count <= layer < count:
            raise ValueError(f"layer: wanted 0 to {count - 1}, got {layer!r}")
        index = layer % count
        if index not in self._parts:
            self._parts[index] = _native(self._layers[: index + 1])
        inputs = self._inputs(x)
        out = np.empty((inputs.shape[0], self._layers[index].out_features), np.float32)
        self._parts[index].run(inputs, out)
        return out

    def dequantize(self) -> MLP:
        """The float model that these weights stand for.

        >>> import sprat
        >>> sprat.quantization.quantize_model(sprat.nn.MLP([4, 8, 2])).dequantize()
        MLP(4-8-2, relu, 58 parameters, float32)
        """
        specs, params = [], {}
        for index, layer in enumerate(self._layers):
            specs.append(
                LayerSpec(layer.in_features, layer.out_features, layer.activation, bias=layer.bias is not None)
            )
            params[f"layers.{index}.weight"] = dequantize(layer.weight, layer.weight_scale, axis=0)
            if layer.bias is not None:
                params[f"layers.{index}.bias"] = layer.bias
        model = MLP.from_layers(specs, params)
        model._take_head(self)
        return model

    def config(self) -> dict[str, Any]:
        """Layers, their input codes and the loss, JSON-able."""
        return {
            "layers": [
                {
                    "in_features": layer.in_features,
                    "out_features": layer.out_features,
                    "activation": layer.activation,
                    "bias": layer.bias is not None,
                    "input_scale": layer.input_scale,
                    "input_zero_point": layer.input_zero_point,
                }
                for layer in self._layers
            ],
            "loss_name": self.loss_name,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is not in ``config()``, by name.

        ``"layers.0.weight_q"`` int8 (out, in), ``"layers.0.weight_scale"`` and ``"layers.0.bias"`` float32 (out,).

        >>> import sprat
        >>> sorted(sprat.quantization.quantize_model(sprat.nn.MLP([4, 2])).arrays())
        ['layers.0.bias', 'layers.0.weight_q', 'layers.0.weight_scale']
        """
        arrays: dict[str, NDArray[Any]] = {}
        for index, layer in enumerate(self._layers):
            arrays[f"layers.{index}.weight_q"] = layer.weight
            arrays[f"layers.{index}.weight_scale"] = layer.weight_scale
            if layer.bias is not None:
                arrays[f"layers.{index}.bias"] = layer.bias
        return arrays

    @classmethod
    def from_config(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> QuantizedMLP:
        """The model that ``config()`` and ``arrays()`` came from.

        Raises
        ------
        ValueError, TypeError
            With one line, when the two do not belong together or a number cannot be: sizes that do not chain, a scale
            that is not finite and positive, a zero point outside of uint8.

        Examples
        --------
        >>> import sprat
        >>> from sprat.quantization import QuantizedMLP, quantize_model
        >>> model = quantize_model(sprat.nn.MLP([4, 8, 2], seed=1))
        >>> same = QuantizedMLP.from_config(model.config(), model.arrays())
        >>> bool((same([[1, 2, 3, 4]]) == model([[1, 2, 3, 4]])).all())
        True
        """
        layers = []
        expected = set()
        for index, layer in enumerate(config["layers"]):
            names = [f"layers.{index}.weight_q", f"layers.{index}.weight_scale"]
            names += [f"layers.{index}.bias"] if layer["bias"] else []
            missing = [name for name in names if name not in arrays]
            if missing:
                raise ValueError(f"arrays: {missing[0]!r} is missing")
            expected.update(names)
            weight, scale, *bias = (arrays[name] for name in names)
            if np.shape(weight) != (layer["out_features"], layer["in_features"]):
                wanted = (layer["out_features"], layer["in_features"])
                raise ValueError(f"{names[0]}: wanted shape {wanted}, got {np.shape(weight)}")
            layers.append(
                QuantizedLayer(
                    weight,
                    scale,
                    bias[0] if bias else None,
                    layer["activation"],
                    layer["input_scale"],
                    layer["input_zero_point"],
                )
            )
        unknown = sorted(set(arrays) - expected)
        if unknown:
            raise ValueError(f"arrays: there is no {unknown[0]!r}")
        model = cls(layers)
        model.loss_name = config.get("loss_name")
        return model

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_native", "_parts")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._native, self._parts = _native(self._layers), {}
        self._set_runner(self._native)

    def __repr__(self) -> str:
        sizes = "-".join(str(size) for size in [self.in_features, *(layer.out_features for layer in self._layers)])
        hidden = list(dict.fromkeys(layer.activation for layer in self._layers[:-1])) or [self._layers[-1].activation]
        kinds = {True: "static", False: "dynamic"}
        kind = " and ".join(dict.fromkeys(kinds[layer.is_static] for layer in self._layers))
        return f"QuantizedMLP({sizes}, {'/'.join(hidden)}, int8 weights, {kind} uint8 activations)"


def _own(layer: QuantizedLayer, index: int) -> QuantizedLayer:
    """The layer with arrays of its own that nobody writes to; what is in them the native module proves."""
    name = f"layers[{index}]"
    if not isinstance(layer, QuantizedLayer):
        raise TypeError(f"{name}: wanted a QuantizedLayer, got {type(layer).__name__}")
    if (layer.input_scale is None) != (layer.input_zero_point is None):
        raise ValueError(f"{name}: wanted input_scale and input_zero_point, or neither")
    scale, zero = layer.input_scale, layer.input_zero_point
    if zero is not None:
        zero = _check.check_count(f"{name}.input_zero_point", zero, 0)
        if zero > 255:
            raise ValueError(f"{name}.input_zero_point: wanted 0 to 255, got {zero}")
    return QuantizedLayer(
        _frozen(f"{name}.weight", layer.weight, np.int8),
        _frozen(f"{name}.weight_scale", layer.weight_scale, np.float32),
        None if layer.bias is None else _frozen(f"{name}.bias", layer.bias, np.float32),
        str(layer.activation),
        None if scale is None else float(np.float32(_check.check_positive(f"{name}.input_scale", scale))),
        zero,
    )


def _frozen(name: str, values: ArrayLike, dtype: Any) -> NDArray[Any]:
    given = np.asarray(values)
    if given.dtype != dtype:
        raise TypeError(f"{name}: wanted {np.dtype(dtype)}, got {given.dtype}")
    array = np.array(given, dtype, order="C")
    array.flags.writeable = False
    return array


def _native(layers: Sequence[QuantizedLayer]) -> _core.Predictor:
    return _core.predictor_int8(
        [
            (
                layer.weight,
                layer.weight_scale,
                layer.bias,
                layer.activation,
                layer.input_qparams,
            )
            for layer in layers
        ]
    )
