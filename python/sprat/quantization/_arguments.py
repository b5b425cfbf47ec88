"""What the functions of this package accept, checked in one place. Each refusal is one line."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import _check, _core

LIMITS: dict[np.dtype[Any], tuple[int, int]] = {np.dtype(name): limits for name, limits in _core.quant_limits().items()}


class View(NamedTuple):
    """An array as the kernels see it: ``(outer, channels, inner)`` in C order."""

    outer: int
    channels: int
    inner: int


def integer_array(name: str, q: ArrayLike) -> NDArray[Any]:
    """``q`` as a contiguous int8 or uint8 array; copied where its layout is another one."""
    array = np.asarray(q)
    if array.dtype not in LIMITS:
        raise TypeError(f"{name}: wanted {_integers()}, got {array.dtype}")
    return np.require(array, None, ["C"])


def integer_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found not in LIMITS:
        raise ValueError(f"dtype: wanted {_integers()}, got {dtype!r}")
    return found


def _integers() -> str:
    return " or ".join(str(dtype) for dtype in LIMITS)


def code_range(
    dtype: np.dtype[Any], quant_min: int | None, quant_max: int | None, *, narrow: bool = False
) -> tuple[int, int]:
    """The codes in use: the whole type unless given; ``narrow`` leaves out the one without a counterpart."""
    first, last = LIMITS[dtype]
    default_min = first + 1 if narrow and first < 0 else first
    low = default_min if quant_min is None else _check.check_count("quant_min", quant_min, -(2**63))
    high = last if quant_max is None else _check.check_count("quant_max", quant_max, -(2**63))
    if not first <= low < high <= last:
        raise ValueError(
            f"quant_min, quant_max: wanted {first} <= quant_min < quant_max <= {last}, got {low} and {high}"
        )
    return low, high


def view_along(shape: tuple[int, ...], axis: int | None) -> View:
    if axis is None:
        return View(1, 1, math.prod(shape))
    if not hasattr(axis, "__index__") or not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis: wanted None or an axis of an array of shape {shape}, got {axis!r}")
    axis %= len(shape)
    return View(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def channel_shape(view: View, axis: int | None) -> tuple[int, ...]:
    """The shape of what there is once per channel: ``()`` per tensor."""
    return () if axis is None else (view.channels,)


def scales(scale: ArrayLike, dtype: np.dtype[Any], view: View, axis: int | None) -> NDArray[Any]:
    array = np.asarray(scale)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"scale: wanted numbers, got {array.dtype}")
    _check_channels("scale", array, view, axis)
    with np.errstate(over="ignore", under="ignore"):  # what becomes 0 or infinity is refused as such
        return np.ascontiguousarray(array, dtype).reshape(view.channels)


def zero_points(zero_point: ArrayLike, dtype: np.dtype[Any], view: View, axis: int | None) -> NDArray[Any]:
    array = np.asarray(zero_point)
    if array.dtype.kind not in "iu":
        raise TypeError(f"zero_point: wanted integers, got {array.dtype}")
    if array.ndim == 0:  # one for every channel
        array = np.full(view.channels, array)
    else:
        _check_channels("zero_point", array, view, axis)
    first, last = LIMITS[dtype]
    if array.size and not first <= int(array.min()) <= int(array.max()) <= last:
        raise ValueError(f"zero_point: wanted {first} to {last}, got {int(array.min())} to {int(array.max())}")
    return np.ascontiguousarray(array, dtype).reshape(view.channels)


def _check_channels(name: str, array: NDArray[Any], view: View, axis: int | None) -> None:
    if axis is None:
        if array.size != 1:
            raise ValueError(f"{name}: wanted one number without axis, got shape {array.shape}")
    elif array.shape != (view.channels,):
        raise ValueError(
            f"{name}: wanted shape ({view.channels},), one for each channel of axis {axis}, got {array.shape}"
        )


def output(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """A new array, or the one given, which the native module then checks."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out: wanted an array, got a {type(out).__name__}")
    return out
