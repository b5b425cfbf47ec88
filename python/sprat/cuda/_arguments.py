"""Arguments of calls on device arrays: nothing is copied or converted, and one line says what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _streams
from ._array import Array, as_view, empty_on

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Call:
    """One call: its stream, and its arrays as addresses that the stream may use.

    The views are held until the work is enqueued; memory is given back in the order of the stream.
    """

    def __init__(self, *arrays: Any) -> None:
        self.stream = _streams.stream_of(*(array for array in arrays if array is not None))

    def take(
        self,
        name: str,
        x: Any,
        dtypes: Sequence[np.dtype[Any]] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Array:
        """``x`` for reading."""
        found = as_view(name, x, self.stream)
        if dtypes is not None and found.dtype not in dtypes:
            raise TypeError(f"{name}: wanted {' or '.join(map(str, dtypes))}, got {found.dtype}")
        if shape is not None and found.shape != shape:
            raise ValueError(f"{name}: wanted shape {shape}, got {found.shape}")
        return found

    def give(self, name: str, out: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """``out`` for writing, a new array for None."""
        if out is None:
            return empty_on(self.stream, shape, dtype)
        found = self.take(name, out, (dtype,), shape)
        found.want_writeable(name)
        return found


def want_apart(name: str, out: Array, other: Array) -> None:
    """One line where two arrays overlap."""
    if out.pointer < other.pointer + other.nbytes and other.pointer < out.pointer + out.nbytes:
        raise ValueError(f"{name}: overlaps the input")
