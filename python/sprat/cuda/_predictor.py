"""Frozen networks on the device, with the calls of ``_core.Predictor``."""

from __future__ import annotations

from typing import Any

from .. import _device
from ..nn.mlp import MLP
from ._array import Array, array
from ._network import Network


def freeze(model: Any) -> Any:
    """A copy of a model that computes on the device; TypeError for a kind that has no kernels there."""
    if isinstance(model, MLP):
        return FloatPredictor(model)
    raise TypeError(f"model: wanted an MLP for the device, got {type(model).__name__}")


class FloatPredictor:
    """An MLP with parameters of its own."""

    def __init__(self, model: MLP) -> None:
        if model.input_quant is not None:
            raise ValueError("predictor: the model is under quantization-aware training; quantize it first")
        self.dtype, self.in_features, self.out_features = model.dtype, model.in_features, model.out_features
        self._network = Network(model._layout)
        self._last = len(model.layers) - 1
        self._params = array(_device.to_host(model.params))

    def run(self, x: Array, out: Any) -> None:
        """Outputs of ``x`` (rows, in_features) into ``out``."""
        self._network.forward(self._params, x, self._last, out)
