"""Arrays that every candidate is given alike."""

from __future__ import annotations

import numpy as np

from .cases import Array


def aligned(array: Array) -> Array:
    """A copy that starts on a cache line, as torch's tensors do; NumPy's own arrays start where they happen to.

    A register of 64 bytes that straddles two lines takes twice as long: without this, figures jump between runs.
    """
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def normal(shape: int | tuple[int, ...], seed: int = 0, dtype: str = "float32") -> Array:
    """Standard normal numbers, aligned."""
    return aligned(np.random.default_rng(seed).standard_normal(shape, np.float32).astype(dtype))
