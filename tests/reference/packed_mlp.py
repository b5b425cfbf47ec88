"""An int8 network in plain NumPy: what sprat's kernels compute, step by step, with int64 sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from sprat.nn import activations

from . import quantize as reference


def input_codes(x: np.ndarray, layer: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """uint8 codes, and scale and zero point of each row."""
    rows = x.shape[0]
    if layer.input_scale is not None:
        scale = np.full(rows, layer.input_scale, np.float32)
        zero = np.full(rows, layer.input_zero_point, np.int64)
    else:
        finite = np.where(np.isfinite(x), x, np.float32(0))
        scale, zero = reference.choose_qparams(finite.min(axis=1), finite.max(axis=1), 0, 255, False)
    return reference.quantize(x, scale, zero, 0, "uint8"), scale, zero


def linear(x: np.ndarray, layer: Any) -> np.ndarray:
    """Sums in integers, then (acc - zero * sum_w) * (input_scale * weight_scale) + bias in float32."""
    codes, scale, zero = input_codes(x, layer)
    weight = layer.weight.astype(np.int64)
    acc = codes.astype(np.int64) @ weight.T - zero[:, None] * weight.sum(axis=1)
    assert np.abs(acc).max(initial=0) < 2**31
    bias = np.float32(0) if layer.bias is None else layer.bias
    with np.errstate(all="ignore"):
        return acc.astype(np.int32).astype(np.float32) * (scale[:, None] * layer.weight_scale) + bias


def forward(model: Any, x: np.ndarray, layers: int | None = None) -> np.ndarray:
    """Raw outputs of a PackedMLP, or the activations after so many layers."""
    for layer in model.layers[:layers]:
        x = activations.apply(layer.activation, linear(x, layer))
    return x
