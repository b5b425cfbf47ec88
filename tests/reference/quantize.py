"""Quantization as the standards write it, in plain NumPy: the kernels must give these bits."""

from __future__ import annotations

from typing import Any

import numpy as np

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def along(values: Any, ndim: int, axis: int | None) -> np.ndarray:
    """Per-channel values in the shape that broadcasts along ``axis``."""
    values = np.asarray(values)
    if axis is None or values.ndim == 0:
        return values.reshape(())
    shape = [1] * ndim
    shape[axis] = values.size
    return values.reshape(shape)


def quantize(
    x: np.ndarray,
    scale: Any,
    zero_point: Any = 0,
    axis: int | None = None,
    dtype: str = "int8",
    quant_min: int | None = None,
    quant_max: int | None = None,
) -> np.ndarray:
    """ONNX QuantizeLinear: saturate(round_half_even(x / scale) + zero_point); a NaN gives zero_point."""
    low, high = LIMITS[dtype]
    low, high = low if quant_min is None else quant_min, high if quant_max is None else quant_max
    scale = along(np.asarray(scale, x.dtype), x.ndim, axis)
    zero = along(np.asarray(zero_point, x.dtype), x.ndim, axis)
    with np.errstate(all="ignore"):
        codes = np.clip(np.rint(x / scale) + zero, low, high)
    return np.where(np.isnan(x), zero, codes).astype(dtype)


def dequantize(
    q: np.ndarray, scale: Any, zero_point: Any = 0, axis: int | None = None, dtype: Any = np.float32
) -> np.ndarray:
    """ONNX DequantizeLinear: (q - zero_point) * scale, the difference in integers."""
    zero = along(np.asarray(zero_point, np.int32), q.ndim, axis)
    with np.errstate(all="ignore"):
        return (q.astype(np.int32) - zero).astype(dtype) * along(np.asarray(scale, dtype), q.ndim, axis)


def inside(
    x: np.ndarray, scale: Any, zero_point: Any = 0, axis: int | None = None, low: int = -128, high: int = 127
) -> np.ndarray:
    """The straight-through mask: 1 where the code was not clamped."""
    with np.errstate(all="ignore"):
        codes = np.rint(x / along(np.asarray(scale, x.dtype), x.ndim, axis))
        codes = codes + along(np.asarray(zero_point, x.dtype), x.ndim, axis)
        return ((codes >= low) & (codes <= high)).astype(np.uint8)


def choose_qparams(
    low: np.ndarray, high: np.ndarray, quant_min: int, quant_max: int, symmetric: bool
) -> tuple[np.ndarray, np.ndarray]:
    """ONNX DynamicQuantizeLinear, and the symmetric form of torch's observers; every step in the type of ``low``."""
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    real = low.dtype.type
    with np.errstate(all="ignore"):
        if symmetric:
            scale = np.maximum(-low, high) / real((quant_max - quant_min) / 2)
        else:
            scale = (high / 2 - low / 2) / real((quant_max - quant_min) / 2)
        scale = np.maximum(scale, np.finfo(low.dtype).smallest_normal)
        scale = np.where(low == high, real(1), scale)
        if symmetric:
            return scale, np.full(low.shape, (quant_min + quant_max + 1) // 2)
        zero = np.clip(np.rint(real(quant_min) - low / scale), quant_min, quant_max)
    return scale, zero.astype(np.int64)
