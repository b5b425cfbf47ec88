"""What the machine can do at most: bandwidth within a working set, multiply-adds, square roots, measured here.

A copy and a change in place need NumPy alone; all else a C++ compiler (``CXX``, ``c++``, ``g++`` or ``clang++``), and are
left out where there is none.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Callable

import numpy as np

from sprat.cli.bench import run_block

from .arrays import aligned
from .cases import Array, Candidate, Work
from .native import library
from .timing import Effort, calls_per_block

EFFORT = Effort(blocks=15, block_seconds=0.003)
BRIEF = Effort(blocks=5, block_seconds=0.002, warm_up=1)


@functools.cache
def native() -> ctypes.CDLL | None:
    """The functions of limits.cpp."""
    loaded = library("limits.cpp")
    if loaded is None:
        return None
    for name in ("limit_fma", "limit_int8", "limit_root"):
        function = getattr(loaded, name)
        function.argtypes, function.restype = [ctypes.c_int64], ctypes.c_int64
    for name in ("limit_read", "limit_change"):
        function = getattr(loaded, name)
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64], ctypes.c_int64
    return loaded


# Operations a second, the best that were seen: a disturbed moment must not lower what the machine can do.
_peaks: dict[str, float] = {}


def _best_block(call: Callable[[], object], effort: Effort) -> float:
    """Seconds of one call in the fastest block."""
    candidate = Candidate("limit", call, lambda: None)
    count, _ = calls_per_block(candidate, effort)
    return min(run_block(candidate, count) / count for _ in range(effort.blocks))


def _rate(function: Callable[[int], int], rounds: int, effort: Effort = EFFORT) -> float | None:
    """Work a second of `function`, which works for a number of rounds and tells the work of one."""
    each = function(0)
    return each * rounds / _best_block(lambda: function(rounds), effort) if each else None


@functools.cache
def _empty_call() -> float:
    def nothing() -> None:
        """The least that Python can call."""

    return _best_block(nothing, EFFORT)


def peak(kind: str) -> float | None:
    """Operations a second of one thread: "float32", "float64" (half of it), "int8", or "root" (with a division each).

    Each call measures again for some milliseconds, and the best of all counts.
    """
    library = native()
    if library is None:
        return None
    if kind == "float64":
        single = peak("float32")
        return None if single is None else single / 2
    function = {"float32": library.limit_fma, "int8": library.limit_int8, "root": library.limit_root}[kind]
    rate = _rate(function, 100_000, BRIEF)
    if rate is not None:
        _peaks[kind] = max(rate, _peaks.get(kind, 0.0))
    return _peaks.get(kind)


def _large_pages(size: int) -> Array:
    """Bytes in large pages where the system gives them: small ones may share sets of a cache, as luck has it."""
    large = 1 << 21
    block = mmap.mmap(-1, size + large)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(block, np.uint8)
    start = -memory.ctypes.data % large
    memory[...] = 1
    return memory[start : start + size]


@functools.cache
def _read_bandwidth(size: int) -> float | None:
    library = native()
    if library is None:
        return None
    memory = _large_pages(max(size, 4096) // 512 * 512)
    rounds = max(1, 2_000_000 // memory.nbytes)
    return _rate(lambda count: int(library.limit_read(memory.ctypes.data, memory.nbytes, count)), rounds)


@functools.cache
def _change_bandwidth(size: int) -> float:
    """The best of a copy and of changes in place; beyond the caches a copy also fetches the lines it overwrites.

    In the innermost cache NumPy's call takes longer than its work: the native change has no such cost.
    """
    half = max(size // 8, 8)
    source, target = (aligned(np.zeros(half, np.float32)) for _ in range(2))
    values = aligned(np.ones(2 * half, np.float32))
    movers = {
        "copy": (lambda: np.copyto(target, source), 8 * half),
        "in place": (lambda: np.negative(values, out=values), 16 * half),
    }
    rates = [count / _best_block(call, EFFORT) for call, count in movers.values()]
    library = native()
    if library is not None:
        memory = _large_pages(max(size, 4096) // 512 * 512)
        rounds = max(1, 2_000_000 // memory.nbytes)
        rate = _rate(lambda count: int(library.limit_change(memory.ctypes.data, memory.nbytes, count)), rounds)
        rates += [rate] if rate else []
    return max(rates)


def shortest(work: Work, threads: int = 1) -> tuple[float | None, str]:
    """Seconds that the machine needs at least, and what needs them; None where no limit is known.

    Arithmetic is taken to scale with threads, and so is what lies in each core's caches; memory is shared, so the
    bandwidth of one thread is no limit for two: then there is none for more.
    """
    bounds: dict[str, float] = {}
    for amount, kind, words in (
        (work.flops, work.flop_kind, f"{work.flop_kind} peak"),
        (work.roots, "root", "square root and division"),
    ):
        rate = peak(kind) if amount else None
        if rate:
            bounds[words] = amount / rate / threads
    size = max(work.working_set, 256)
    if work.read and threads == 1 and (rate := _read_bandwidth(size)):
        bounds["reading"] = work.read / rate
    if work.written and threads == 1:
        bounds["reading and writing"] = (work.read + work.written) / _change_bandwidth(size)
    if work.calls:
        bounds["empty call"] = work.calls * _empty_call()
    if not bounds:
        return None, ""
    words = max(bounds, key=lambda name: bounds[name])
    return bounds[words], words
