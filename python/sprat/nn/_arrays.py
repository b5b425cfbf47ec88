"""Array arguments of this package: what is converted, and what is refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check

_REAL = ("float32", "float64")


def real_array(name: str, x: ArrayLike) -> NDArray[Any]:
    """`x` as a contiguous, aligned float32 or float64 array in native byte order; integers become float64."""
    _check.refuse_masked(name, x)
    array = np.asarray(x)
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    dtype = array.dtype.newbyteorder("=")
    if dtype.name not in _REAL:
        raise TypeError(f"{name}: wanted float32 or float64, got {array.dtype}")
    return np.require(array, dtype, ["C", "ALIGNED"])


def output_like(array: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
    """`out` as it came, or a new array like `array`; the native call checks dtype, shape, layout and overlap."""
    return np.empty_like(array) if out is None else out
