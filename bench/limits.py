"""What the machine can do at most: bandwidth within a working set, multiply-adds, square roots, measured here.

Two measures of bandwidth need NumPy alone; the others a C++ compiler (``CXX``, ``c++``, ``g++`` or ``clang++``), and are
left out where there is none.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .arrays import aligned
from .cases import Array, Candidate, Work
from .timing import Effort, time_interleaved

SOURCE = Path(__file__).with_name("limits.cpp")
EFFORT = Effort(blocks=15, block_seconds=0.003)


@functools.cache
def native() -> ctypes.CDLL | None:
    """The library of limits.cpp, built when its text is new; None without a compiler."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "c++", "g++", "clang++"))), None)
    if compiler is None:
        print("no C++ compiler: the limits of arithmetic and of reading are left out", file=sys.stderr)
        return None
    key = hashlib.sha256(SOURCE.read_bytes() + compiler.encode()).hexdigest()[:12]
    folder = SOURCE.parents[1] / "build" / "bench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="sprat-bench-"))
    library = folder / f"limits-{key}.so"
    if not library.exists():
        fresh = library.with_suffix(f".{os.getpid()}.so")
        command = [compiler, "-O2", "-std=c++20", "-shared", "-fPIC", str(SOURCE), "-o", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"{' '.join(command)} failed: limits are left out\n{done.stderr[:500]}", file=sys.stderr)
            return None
        fresh.replace(library)
    loaded = ctypes.CDLL(str(library))
    for name in ("limit_fma", "limit_int8", "limit_root"):
        function = getattr(loaded, name)
        function.argtypes, function.restype = [ctypes.c_int64], ctypes.c_int64
    loaded.limit_read.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
    loaded.limit_read.restype = ctypes.c_int64
    return loaded


def _rate(function: Callable[[int], int], rounds: int) -> float | None:
    """Work a second of `function`, which works for a number of rounds and tells the work of one."""
    each = function(0)
    if not each:
        return None
    timing = time_interleaved([Candidate("limit", lambda: function(rounds), lambda: None)], EFFORT)["limit"]
    return each * rounds / timing.low


@functools.cache
def peak(kind: str) -> float | None:
    """Operations a second of one thread: "float32", "float64" (half of it), "int8", or "root" (with a division each)."""
    library = native()
    if library is None:
        return None
    if kind == "float64":
        single = peak("float32")
        return None if single is None else single / 2
    function = {"float32": library.limit_fma, "int8": library.limit_int8, "root": library.limit_root}[kind]
    return _rate(function, 100_000)


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
    """The better of a copy and of a change in place; beyond the caches a copy also fetches the lines it overwrites."""
    half = max(size // 8, 8)
    source, target = (aligned(np.zeros(half, np.float32)) for _ in range(2))
    values = aligned(np.ones(2 * half, np.float32))
    movers = {
        "copy": (lambda: np.copyto(target, source), 8 * half),
        "in place": (lambda: np.negative(values, out=values), 16 * half),
    }
    candidates = [Candidate(name, call, lambda: None) for name, (call, _) in movers.items()]
    timings = time_interleaved(candidates, EFFORT)
    return max(count / timings[name].median for name, (_, count) in movers.items())


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
    if not bounds:
        return None, ""
    words = max(bounds, key=lambda name: bounds[name])
    return bounds[words], words
