"""Arguments, checked once and in one way: one line that says which, what was wanted and what came.

Inputs (``x``, ``y``, weights) may be lists, or arrays of any real dtype, layout, byte order and alignment: what the
kernels cannot read as it lies is copied. Arrays that a call writes to (``out``, anything in place) are never copied;
the native module refuses them unless they are exactly right.
"""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_SEED = 2**64 - 1

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(name: str, value: npt.DTypeLike) -> np.dtype[Any]:
    """``value`` as float32 or float64."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(object)
    if dtype not in _FLOATS:
        raise ValueError(f"{name}: wanted 'float32' or 'float64', got {value!r}")
    return dtype.newbyteorder("=")


def float_dtype_of(name: str, array: Any) -> np.dtype[Any]:
    """The dtype of an array of float32 or float64, whatever its layout."""
    found = getattr(array, "dtype", None)
    if not isinstance(found, np.dtype) or found.newbyteorder("=") not in _FLOATS:
        raise TypeError(f"{name}: wanted an array of float32 or float64, got {found or type(array).__name__}")
    return found.newbyteorder("=")


def check_number(
    name: str,
    value: Any,
    low: float = 0.0,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """``value`` as a finite float in the interval, by default of at least 0. True, "3" and None are no numbers."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name}: wanted a number, got {short(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    inside = (low < number if open_low else low <= number) and (number < high if open_high else number <= high)
    if not (inside and math.isfinite(number)):
        if high < math.inf:
            wanted = f"a number in {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        else:
            wanted = f"a finite number {'above' if open_low else 'of at least'} {low:g}"
        raise ValueError(f"{name}: wanted {wanted}, got {short(value)}")
    return number


def check_positive(name: str, value: Any) -> float:
    """``value`` as a finite float above zero."""
    return check_number(name, value, 0, open_low=True)


def check_count(name: str, value: Any, least: int = 1, most: int = 2**63 - 1) -> int:
    """``value`` as a whole number, ``least`` to ``most``; the native module can be given any up to 2^63 - 1."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: wanted a whole number, got {short(value)}")
    number = operator.index(value)
    if number < least:
        raise ValueError(f"{name}: wanted a whole number of at least {least}, got {short(value)}")
    if number > most:
        raise ValueError(f"{name}: wanted a whole number of at most {most}, got {short(value)}")
    return number


def check_flag(name: str, value: Any) -> bool:
    """``value`` as True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: wanted True or False, got {short(value)}")
    return bool(value)


def check_choice(name: str, value: Any, choices: Any) -> str:
    """``value`` as one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name}: wanted one of {', '.join(choices)}, got {value!r}")
    return str(value)


def short(value: Any) -> str:
    """How a message shows what came: a file must not be able to fill the screen."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def refuse_masked(name: str, value: Any) -> None:
    """A masked array's gaps would be read as whatever lies beneath them."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: wanted a plain array, got a masked one; fill its gaps first")


def as_array(name: str, value: Any, dtype: np.dtype[Any]) -> Array:
    """``value`` as an array that the kernels can read: copied only if it must be."""
    refuse_masked(name, value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        got = f"{type(value).__name__} ({_first_line(error)})"
        raise type(error)(f"{name}: wanted an array of numbers, got {got}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: wanted an array of numbers, got dtype {array.dtype}")
    ready: Array = np.require(array, dtype, ["C", "A"])
    return ready


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def real_array(name: str, value: npt.ArrayLike, *, integers: bool = False) -> Array:
    """``value`` as a float32 or float64 array that the kernels can read; ``integers`` become float64 where allowed."""
    refuse_masked(name, value)
    array = np.asarray(value)
    if integers and array.dtype.kind in "iub":
        array = array.astype(np.float64)
    dtype = array.dtype.newbyteorder("=")
    if dtype not in _FLOATS:
        raise TypeError(f"{name}: wanted float32 or float64, got {array.dtype}")
    ready: Array = np.require(array, dtype, ["C", "ALIGNED"])
    return ready


def as_matrix(name: str, value: Any, columns: int, dtype: np.dtype[Any], rows: int | None = None) -> Array:
    """``value`` as (rows, columns) of ``dtype``, contiguous, aligned and in native byte order."""
    ready = type(value) is np.ndarray and value.dtype == dtype and value.flags.c_contiguous and value.flags.aligned
    array: Array = value if ready else as_array(name, value, dtype)
    if array.ndim != 2 or array.shape[1] != columns or (rows is not None and array.shape[0] != rows):
        wanted = f"({'rows' if rows is None else rows}, {columns})"
        raise ValueError(f"{name}: wanted shape {wanted}, got {array.shape}")
    return array


def as_vector(name: str, value: Any, length: int, dtype: np.dtype[Any]) -> Array:
    """``value`` as (length,) of ``dtype``."""
    array = as_array(name, value, dtype)
    if array.shape != (length,):
        raise ValueError(f"{name}: wanted shape ({length},), got {array.shape}")
    return array


def output_like(array: Array, out: Array | None) -> Array:
    """``out``, or a new array like ``array`` when it is None. The native module checks what was given."""
    return np.empty_like(array) if out is None else out
