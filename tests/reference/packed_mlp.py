"""Integer networks in plain NumPy: what sprat's kernels compute, step by step, with int64 sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from sprat.nn import activations

from . import quantize as reference


def fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a * b + c of float32 numbers, rounded once: the exact sum in float64 rounded to odd (Boldo & Melquiond 2008)."""
    product, addend = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = product + addend
    part = total - product
    error = (product - (total - part)) + (addend - part)
    bits = total.view(np.int64)
    inexact = (error != 0).astype(np.int64)
    towards_zero = np.where((error < 0) != (total < 0), inexact, 0)
    return ((bits - towards_zero) | inexact).view(np.float64).astype(np.float32)


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


def exact_sums(codes: np.ndarray, zero: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """sum_k (x[k] - zero) w[n, k], as the float32 nearest to it."""
    weight = weight.astype(np.int64)
    sums = codes.astype(np.int64) @ weight.T - zero.astype(np.int64)[:, None] * weight.sum(axis=1)
    assert np.abs(sums).max(initial=0) < 2**31
    return sums.astype(np.int32).astype(np.float32)


def sums_and_scales(codes: np.ndarray, zero: np.ndarray, layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sums of products, and what is left to multiply them with: the scale of each output's weights.

    int4: groups of inputs, each exact and times its scale, added in order by fused multiply-add; nothing is left.
    """
    if layer.weights == "int8":
        return exact_sums(codes, zero, layer.weight), layer.weight_scale
    total = np.zeros((codes.shape[0], layer.out_features), np.float32)
    for group, scale in enumerate(layer.weight_scale.T):
        inputs = slice(group * layer.group_size, (group + 1) * layer.group_size)
        sums = exact_sums(codes[:, inputs], zero, layer.weight[:, inputs])
        total = fma(sums, np.broadcast_to(scale, sums.shape), total)
    return total, np.ones(layer.out_features, np.float32)


def linear(codes: np.ndarray, scale: np.ndarray, zero: np.ndarray, layer: Any) -> np.ndarray:
    """Sums * (input_scale * weight_scale) + bias in float32."""
    sums, weight_scale = sums_and_scales(codes, zero, layer)
    bias = np.float32(0) if layer.bias is None else layer.bias
    with np.errstate(all="ignore"):
        return sums * (scale[:, None] * weight_scale) + bias


def next_codes(codes: np.ndarray, zero: np.ndarray, layer: Any, after: Any) -> np.ndarray:
    """Codes for the layer after a static one: the next scale is part of the factors, which are made in float64."""
    sums, weight_scale = sums_and_scales(codes, zero, layer)
    bias = np.float64(0) if layer.bias is None else layer.bias.astype(np.float64)
    factor = np.float64(layer.input_scale) * weight_scale.astype(np.float64) / after.input_scale
    offset = bias / after.input_scale + after.input_zero_point
    largest = np.finfo(np.float32).max
    factor, offset = (np.clip(v, -largest, largest).astype(np.float32) for v in (factor, offset))
    with np.errstate(all="ignore"):
        low = after.input_zero_point if layer.activation == "relu" else 0
        return np.rint(np.clip(sums * factor + offset, low, 255)).astype(np.uint8)


def leaves_codes(layer: Any, after: Any) -> bool:
    """Whether a layer writes the codes of the next one without real numbers between."""
    is_static = layer.input_scale is not None and after.input_scale is not None
    return is_static and layer.activation in ("identity", "relu")


def forward(model: Any, x: np.ndarray, layers: int | None = None) -> np.ndarray:
    """Raw outputs of a PackedMLP of integers, or the activations after so many layers."""
    chain = model.layers[:layers]
    codes = None
    for layer, after in zip(chain, [*chain[1:], None], strict=True):
        if codes is None:
            codes, scale, zero = input_codes(x, layer)
        else:
            scale = np.full(codes.shape[0], layer.input_scale, np.float32)
            zero = np.full(codes.shape[0], layer.input_zero_point, np.int64)
        if after is not None and leaves_codes(layer, after):
            codes = next_codes(codes, zero, layer, after)
        else:
            x, codes = activations.apply(layer.activation, linear(codes, scale, zero, layer)), None
    return x
