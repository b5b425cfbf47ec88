"""Timing that can be trusted: pinned, warmed up, peers interleaved, medians with quartiles, results checked first.

A benchmark is a list of `Case`, each with `Candidate` objects that do the same work. `run` checks what every candidate
computes before it times any, then times them in turn, block by block, so that whatever disturbs the machine disturbs
all of them alike. Peers that are not installed are left out by their adapters.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import sprat

OURS = "sprat"
BLOCKS = 25  # time blocks of each candidate
BLOCK_SECONDS = 0.004  # calls are repeated until a block takes this long


@dataclass
class Candidate:
    """One way to do the work of a case.

    `call` does it once. `check` raises AssertionError if what one call computes is wrong; it runs before the timing.
    """

    name: str
    call: Callable[[], object]
    check: Callable[[], None]


@dataclass
class Case:
    """Work of one size. `bytes` is what must be read and written at least; memory sets the limit."""

    name: str
    candidates: list[Candidate]
    bytes: int = 0
    working_set: int = 0  # bytes that are touched; decides in which cache they lie


@dataclass
class Timing:
    """Seconds of one call: median and quartiles over the blocks."""

    median: float
    low: float
    high: float


@dataclass
class Result:
    case: str
    timings: dict[str, Timing]
    limit: float | None = None  # seconds
    peers: list[str] = field(default_factory=list)

    @property
    def best_peer(self) -> str | None:
        return min(self.peers, key=lambda name: self.timings[name].median, default=None)


def pin(threads: int) -> list[int]:
    """Keep the process on the first `threads` processors it may use, and tell the libraries so."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, processors)
    sprat.runtime.set_num_threads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return processors


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that starts on a cache line, as torch's tensors do; NumPy's own arrays start where they happen to.

    A register of 64 bytes that straddles two lines takes twice as long: without this, figures jump between runs.
    """
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _calls_per_block(call: Callable[[], object]) -> int:
    """Warm up, then find how many calls fill a block."""
    for _ in range(3):
        call()
    count = 1
    while True:
        started = time.perf_counter()
        for _ in range(count):
            call()
        seconds = time.perf_counter() - started
        if seconds >= BLOCK_SECONDS:
            return count
        count = max(count + 1, min(count * 10, int(count * BLOCK_SECONDS / max(seconds, 1e-9)) + 1))


def time_interleaved(calls: dict[str, Callable[[], object]]) -> dict[str, Timing]:
    """Median seconds of one call of each, from blocks that take turns in an order that rotates."""
    counts = {name: _calls_per_block(call) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for block in range(BLOCKS):
        for name in names[block % len(names) :] + names[: block % len(names)]:
            call, count = calls[name], counts[name]
            started = time.perf_counter()
            for _ in range(count):
                call()
            seconds[name].append((time.perf_counter() - started) / count)
    timings = {}
    for name, values in seconds.items():
        low, median, high = statistics.quantiles(values, n=4)
        timings[name] = Timing(median, low, high)
    return timings


def _movers(working_set: int) -> dict[str, tuple[Callable[[], object], int]]:
    """What memory allows: a copy and a change in place within a working set, and the bytes they read and write.

    A copy also fetches the lines that it overwrites, which a change in place has at hand: beyond the caches that is
    faster. The limit is the better of the two.
    """
    size = max(working_set // 8 * 8, 64)
    source, target = (aligned(np.zeros(size // 8, np.float32)) for _ in range(2))
    values = aligned(np.ones(size // 4, np.float32))
    return {
        "copy": (lambda: np.copyto(target, source), size),
        "in place": (lambda: np.negative(values, out=values), 2 * size),
    }


def run(cases: Iterable[Case]) -> list[Result]:
    """Check every candidate of every case, then time them beside a copy of as many bytes."""
    results = []
    for case in cases:
        for candidate in case.candidates:
            candidate.check()
        calls = {candidate.name: candidate.call for candidate in case.candidates}
        movers = _movers(case.working_set) if case.bytes else {}
        timings = time_interleaved(calls | {name: call for name, (call, _) in movers.items()})
        moved = {name: timings.pop(name).median / count for name, (_, count) in movers.items()}
        limit = min(moved.values()) * case.bytes if moved else None
        peers = [name for name in timings if name != OURS]
        results.append(Result(case.name, timings, limit, peers))
        print(row(results[-1]), flush=True)
    return results


HEADER = f"{'case':34} {'sprat':>10} {'quartiles':>19} {'best peer':>24} {'ratio':>7} {'limit':>10} {'of limit':>9}"


def row(result: Result) -> str:
    """One line of the table, times in microseconds."""
    ours, peer = result.timings[OURS], result.best_peer
    text = f"{result.case:34} {ours.median * 1e6:10.2f} {ours.low * 1e6:9.2f} {ours.high * 1e6:9.2f} "
    if peer is None:
        text += f"{'':24} {'':7} "
    else:
        best = result.timings[peer].median
        text += f"{peer:>13} {best * 1e6:10.2f} {ours.median / best:7.2f} "
    if result.limit is not None:
        text += f"{result.limit * 1e6:10.2f} {result.limit / ours.median:9.0%}"
    return text.rstrip()


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    info = sprat.runtime.info()
    try:
        model = next(
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        model = platform.machine()
    versions = {name: sys.modules[name].__version__ for name in ("numpy", "torch", "sprat") if name in sys.modules}
    return {"cpu": model, "isa": info["isa"], "threads": info["num_threads"], "versions": versions}


def main(topic: str, make_cases: Callable[[], Iterable[Case]]) -> None:
    """The command line of a benchmark: ``--threads N``, ``--json FILE``, ``--only TEXT``."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.bench_{topic}")
    parser.add_argument("--threads", type=int, default=1, help="threads for every candidate (default 1)")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    processors = pin(options.threads)
    about = machine()
    print(f"{topic} on {about['cpu']}, {about['isa']}, processors {processors}; microseconds, medians")
    print(HEADER)
    results = run(case for case in make_cases() if options.only in case.name)
    if options.json:
        figures = [
            {
                "case": result.case,
                "limit": result.limit,
                "seconds": {name: vars(timing) for name, timing in result.timings.items()},
            }
            for result in results
        ]
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"topic": topic, "machine": about, "results": figures}, indent=1) + "\n")
