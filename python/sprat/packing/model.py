"""Networks whose layers have number formats of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..nn.mlp import MLP
from ..nn.model import LayerSpec, Model
from . import storage
from .formats import INTEGERS
from .layer import PackedLayer

__all__ = ["PackedMLP"]


class PackedMLP(Model):
    """A multilayer perceptron for serving, made by :func:`pack`, :func:`quantize_model` or quantization-aware training.

    A layer multiplies in the format of its weights. float32, float16 and bfloat16 multiply float32 inputs, with the bits
    of a float model of the same (widened) weights. With integers the input becomes uint8, is multiplied by the codes of
    the weights with exact 32-bit sums, and comes back to float32 for bias and activation::

        int8: y = activation((sum_k x[k] w[n, k] - zero_point * sum_k w[n, k]) * (scale * weight_scale[n]) + bias[n])
        int4: the same for each group of inputs, whose results times weight_scale[n, group] are added in order

    Between two layers whose inputs are static, with relu or no activation between, scale and zero point of the next
    input are part of the factors, and y is never made: the codes may differ by one from those of y near a half.

    Parameters
    ----------
    layers : sequence of PackedLayer
        Each takes what the one before gives; with integers at most 65793 input features, beyond which a sum could
        overflow.

    Attributes
    ----------
    plan : tuple of str
        From :func:`pack`: for each layer, what was chosen and why, in one line. Not saved.

    Notes
    -----
    Neither instruction set, number of threads nor how rows are cut into batches changes a bit of the output (but for
    ``products="bfloat16"``, see :class:`PackedLayer`), with dynamic quantization too: every row has its own range.
    Inputs and outputs are float32. With integers a NaN in the input counts as 0 and an infinity saturates, since integers
    have neither. Any number of threads may call one model.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).standard_normal((100, 8)).astype(np.float32)
    >>> model = sprat.nn.MLP([8, 32, 4], seed=0)
    >>> packed = sprat.quantization.quantize_model(model, calibration=x)
    >>> packed
    PackedMLP(8-32-4, relu, static int8)
    >>> bool(np.abs(packed(x) - model(x)).max() < 0.1), packed.nbytes < model.params.nbytes / 2
    (True, True)
    """

    plan: tuple[str, ...] = ()

    def __init__(self, layers: Sequence[PackedLayer]) -> None:
        layers = tuple(layers)
        for index, layer in enumerate(layers):
            if not isinstance(layer, PackedLayer):
                raise TypeError(f"layers[{index}]: wanted a PackedLayer, got {type(layer).__name__}")
        self._layers = tuple(layer.checked(index) for index, layer in enumerate(layers))
        self._native = _native(self._layers)
        self._parts: dict[int, _core.Predictor] = {}
        self._set_runner(self._native)

    @property
    def layers(self) -> tuple[PackedLayer, ...]:
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
        """Whether the input of every integer layer has scales from calibration or training; True without such layers."""
        return all(layer.is_static for layer in self._layers if layer.is_integer)

    @property
    def num_parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.weight.size + (0 if layer.bias is None else layer.bias.size) for layer in self._layers)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays: weights, scales and biases, as a file holds them (zeros take a bit)."""
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
        if isinstance(layer, bool) or not hasattr(layer, "__index__") or not -count <= layer < count:
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
            params[f"layers.{index}.weight"] = layer.float_weight()
            if layer.bias is not None:
                params[f"layers.{index}.bias"] = layer.bias
        model = MLP.from_layers(specs, params)
        model._take_head(self)
        return model

    def config(self) -> dict[str, Any]:
        """Layers, their formats and the loss, JSON-able."""
        return {
            "layers": [
                {
                    "in_features": layer.in_features,
                    "out_features": layer.out_features,
                    "activation": layer.activation,
                    "bias": layer.bias is not None,
                    "weights": layer.weights,
                    "zeros": layer.zeros,
                    "group_size": layer.group_size,
                    "products": layer.products,
                    "input_scale": layer.input_scale,
                    "input_zero_point": layer.input_zero_point,
                    "nonzeros": storage.stored_nonzeros(layer),
                }
                for layer in self._layers
            ],
            "loss_name": self.loss_name,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is not in ``config()``, by name.

        ``"layers.0.weight"``, ``"layers.0.weight_scale"`` and ``"layers.0.bias"``; where many weights are zero,
        ``"layers.0.kept"`` tells which are not: see :mod:`sprat.packing.storage`.

        >>> import sprat
        >>> sorted(sprat.quantization.quantize_model(sprat.nn.MLP([4, 2])).arrays())
        ['layers.0.bias', 'layers.0.weight', 'layers.0.weight_scale']
        """
        arrays: dict[str, NDArray[Any]] = {}
        for index, layer in enumerate(self._layers):
            for name, array in storage.store(layer).items():
                arrays[f"layers.{index}.{name}"] = array
            if layer.weight_scale is not None:
                arrays[f"layers.{index}.weight_scale"] = layer.weight_scale
            if layer.bias is not None:
                arrays[f"layers.{index}.bias"] = layer.bias
        return arrays

    @classmethod
    def from_config(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PackedMLP:
        """The model that ``config()`` and ``arrays()`` came from.

        Raises
        ------
        ValueError, TypeError
            With one line, when the two do not belong together or a number cannot be: sizes that do not chain, a scale
            that is not finite and positive, a zero point outside of uint8.

        Examples
        --------
        >>> import sprat
        >>> from sprat.packing import PackedMLP
        >>> from sprat.quantization import quantize_model
        >>> model = quantize_model(sprat.nn.MLP([4, 8, 2], seed=1))
        >>> same = PackedMLP.from_config(model.config(), model.arrays())
        >>> bool((same([[1, 2, 3, 4]]) == model([[1, 2, 3, 4]])).all())
        True
        """
        layers = []
        expected = set()
        for index, layer in enumerate(config["layers"]):
            shape = layer["weights"], layer["out_features"], layer["in_features"], layer["nonzeros"]
            wanted = storage.shapes(*shape)
            names = [*wanted]
            names += ["weight_scale"] if layer["weights"] in INTEGERS else []
            names += ["bias"] if layer["bias"] else []
            found = {}
            for part in names:
                name = f"layers.{index}.{part}"
                expected.add(name)
                if name not in arrays:
                    raise ValueError(f"arrays: {name!r} is missing")
                found[part] = np.asarray(arrays[name])
                if part in wanted and (found[part].dtype, found[part].shape) != wanted[part]:
                    dtype, size = wanted[part]
                    raise ValueError(f"{name}: wanted {dtype} {size}, got {found[part].dtype} {found[part].shape}")
            try:
                weight = storage.restore(*shape, found)
            except ValueError as error:
                raise ValueError(f"layers.{index}.{error}") from None
            layers.append(
                PackedLayer(
                    weight,
                    found.get("weight_scale"),
                    found.get("bias"),
                    layer["activation"],
                    layer["input_scale"],
                    layer["input_zero_point"],
                    layer["weights"],
                    layer["zeros"],
                    layer["group_size"],
                    layer["products"],
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
        self._layers = tuple(layer.checked(index) for index, layer in enumerate(self._layers))  # read-only again
        self._native, self._parts = _native(self._layers), {}
        self._set_runner(self._native)

    def __repr__(self) -> str:
        sizes = "-".join(str(size) for size in [self.in_features, *(layer.out_features for layer in self._layers)])
        hidden = list(dict.fromkeys(layer.activation for layer in self._layers[:-1])) or [self._layers[-1].activation]
        kinds = dict.fromkeys(
            f"{layer.input} {layer.format}" if layer.is_integer else layer.format for layer in self._layers
        )
        return f"PackedMLP({sizes}, {'/'.join(hidden)}, {', '.join(kinds)})"


def _native(layers: Sequence[PackedLayer]) -> _core.Predictor:
    return _core.predictor_packed([layer.native() for layer in layers])
