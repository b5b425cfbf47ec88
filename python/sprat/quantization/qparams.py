"""Scale and zero point from the range of the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import _check, _core
from . import _arguments as arguments


def value_range(x: ArrayLike, axis: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Smallest and largest element, of the whole array or of each channel of ``axis``.

    Parameters
    ----------
    x : array of float32 or float64
        Not empty; NaN and infinities are refused, since no range could hold them.
    axis : int, optional
        Axis of the channels.

    Returns
    -------
    min, max : arrays of the type of ``x``, of shape () or (channels,)

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import value_range
    >>> low, high = value_range(np.float32([[1, -2], [3, 4]]), axis=1)
    >>> low, high
    (array([ 1., -2.], dtype=float32), array([3., 4.], dtype=float32))
    """
    real = _check.real_array("x", x)
    view = arguments.view_along(real.shape, axis)
    if real.size == 0:
        raise ValueError(f"x: wanted at least one element, got shape {real.shape}")
    low, high = np.empty(view.channels, real.dtype), np.empty(view.channels, real.dtype)
    non_finite = _core.value_range(real, view.outer, view.inner, low, high)
    if non_finite:
        raise ValueError(f"x: wanted finite numbers, {non_finite} of {real.size} are NaN or infinite")
    shape = arguments.channel_shape(view, axis)
    return low.reshape(shape), high.reshape(shape)


def choose_qparams(
    min: ArrayLike,
    max: ArrayLike,
    dtype: DTypeLike = "int8",
    symmetric: bool = False,
    *,
    quant_min: int | None = None,
    quant_max: int | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scale and zero point for numbers between ``min`` and ``max``.

    The range is first widened to hold 0, so that 0 (padding, a rectifier's rest) has a code of its own:

    - affine: ``scale = (max - min) / (quant_max - quant_min)``,
      ``zero_point = clamp(round_half_even(quant_min - min / scale), quant_min, quant_max)``
      (ONNX DynamicQuantizeLinear, bit for bit)
    - symmetric: ``scale = max(-min, max) / ((quant_max - quant_min) / 2)``, zero point in the middle:
      0 for int8, 128 for uint8

    A range of nothing but 0 gets scale 1; scales below the smallest normal number are lifted to it.

    Parameters
    ----------
    min, max : number or array of shape (channels,)
        Finite, ``min <= max``. float64 arrays give a float64 scale, everything else float32.
    dtype : {"int8", "uint8"}
    symmetric : bool
        Weights are usually symmetric (no correction for the zero point), activations affine.
    quant_min, quant_max : int, optional
        By default all of ``dtype``; for symmetric int8 -127 to 127, so that the codes are symmetric too.

    Returns
    -------
    scale : array of float32 or float64, of the shape of ``min``
    zero_point : array of ``dtype``, of the shape of ``min``

    Examples
    --------
    >>> from sprat.quantization import choose_qparams
    >>> scale, zero_point = choose_qparams(-1.0, 3.0, "uint8")
    >>> float(scale), int(zero_point)
    (0.01568627543747425, 64)
    >>> scale, zero_point = choose_qparams(-1.0, 0.5, "int8", symmetric=True)
    >>> float(scale), int(zero_point)
    (0.007874015718698502, 0)
    """
    integer = arguments.integer_dtype(dtype)
    first, last = arguments.code_range(integer, quant_min, quant_max, narrow=symmetric)
    low, high = np.asarray(min), np.asarray(max)
    wide = any(isinstance(a, np.ndarray | np.generic) and a.dtype == np.float64 for a in (min, max))
    real = np.dtype(np.float64 if wide else np.float32)
    if low.shape != high.shape or low.ndim > 1:
        raise ValueError(f"min, max: wanted two numbers or two rows, got shapes {low.shape} and {high.shape}")
    shape = low.shape
    low, high = (np.ascontiguousarray(a, real).reshape(-1) for a in (low, high))
    scale, zero_point = np.empty(low.shape, real), np.empty(low.shape, np.int32)
    _core.choose_qparams(low, high, first, last, bool(symmetric), scale, zero_point)
    return scale.reshape(shape), zero_point.astype(integer).reshape(shape)
