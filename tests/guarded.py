"""Arrays between pages that must not be touched: one byte beyond either end is a segmentation fault."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_PROT_NONE = 0


def guarded(n: int, dtype: Any, at_end: bool = True) -> np.ndarray:
    """``n`` elements that end (``at_end``) or begin at the border of a page without access."""
    page = mmap.PAGESIZE
    size = n * np.dtype(dtype).itemsize
    pages = -(-size // page)
    memory = mmap.mmap(-1, (pages + 2) * page)
    whole = np.frombuffer(memory, np.uint8)
    for guard in (whole.ctypes.data, whole.ctypes.data + (pages + 1) * page):
        if _libc.mprotect(guard, page, _PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    start = page + (pages * page - size if at_end else 0)
    return whole[start : start + size].view(dtype)
