"""Frozen networks on the device, with the calls of ``_core.Predictor``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _device
from ..nn.mlp import MLP
from ..packing.model import PackedMLP
from ._arguments import Call, want_apart
from ._array import Array, array
from ._native import module as native
from ._network import Network
from ._streams import stream_of


def freeze(model: Any) -> Predictor:
    """A copy of a model that computes on the device; TypeError for a kind that has no kernels there."""
    if isinstance(model, MLP):
        return Predictor(_of_floats(model))
    if isinstance(model, PackedMLP):
        return Predictor(_of_layers(model))
    raise TypeError(f"model: wanted an MLP or a PackedMLP for the device, got {type(model).__name__}")


def _of_floats(model: MLP) -> Any:
    if model.input_quant is not None:
        raise ValueError("predictor: the model is under quantization-aware training; quantize it first")
    stream = stream_of()
    params = array(_device.to_host(model.params))
    return native().predictor_mlp(Network(model._layout).native, params.at(stream), stream)


def _of_layers(model: PackedMLP) -> Any:
    rows, held = [], []
    for layer in model.layers:
        names, arrays, (in_features, group_size), numbers = layer.native()
        held.append(arrays)
        addresses = tuple(0 if part is None else part.ctypes.data for part in arrays)
        rows.append((names, addresses, (in_features, layer.out_features, group_size), numbers))
    return native().predictor_packed(rows, stream_of())


class Predictor:
    """A network with weights of its own; any number of threads and streams may run it."""

    def __init__(self, made: Any) -> None:
        self._native = made
        self.dtype = np.dtype(made.dtype)
        self.in_features, self.out_features = int(made.in_features), int(made.out_features)

    def run(self, x: Array, out: Any) -> None:
        """Outputs of ``x`` (rows, in_features) into ``out``."""
        call = Call(x)
        rows = x.shape[0]
        result = call.give("out", out, self.dtype, (rows, self.out_features))
        want_apart("out", result, x)
        self._native.run(x.at(call.stream), rows, result.at(call.stream), call.stream)
