"""Time sprat on this machine: predictions, a training step, and the array kernels, in some five seconds.

The network is 784-256-128-10 with relu, as for images of digits; arrays are float32. Medians and quartiles over short
blocks that take turns. How sprat does beside other libraries, python -m bench in its repository shows.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ._console import Console, add_common, number, threads_of, with_examples, write_json

Array = np.ndarray[Any, Any]

SIZES = (784, 256, 128, 10)
ROWS, BATCH, N = 1024, 128, 1_000_000


class Repeatable(Protocol):
    """What a block repeats; ``reset``, where there is one, goes before each call and is not timed."""

    @property
    def call(self) -> Callable[[], object]: ...
    @property
    def reset(self) -> Callable[[], object] | None: ...


@dataclass(frozen=True)
class Job:
    """Work to time. ``reset`` puts back what a call uses up, off the clock; ``amount`` of ``unit`` is done by a call."""

    name: str
    call: Callable[[], object]
    amount: float
    unit: str  # "flop" or "byte"
    reset: Callable[[], object] | None = None


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat bench``."""
    parser.add_argument(
        "--seconds", type=number(0, open_low=True), default=5.0, metavar="S", help="about how long to look (default 5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_common(parser)
    with_examples(parser, "sprat bench", "sprat bench --threads 1", "sprat bench --json > this-machine.json")


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each job: median, quartiles, GFLOP/s or GB/s."""
    from .. import runtime

    console = Console(arguments.quiet)
    with threads_of(arguments):
        console.say("preparing")
        jobs = make_jobs()
        console.say(f"timing {len(jobs)} kinds of work")
        timings = measure(jobs, arguments.seconds)
        about = {"version": runtime.info()["version"], "isa": runtime.isa(), "threads": runtime.num_threads()}
    rows = [
        {
            "work": job.name,
            "seconds": median,
            "lower_quartile": low,
            "upper_quartile": high,
            "rate": job.amount / median / 1e9,
            "unit": {"flop": "GFLOP/s", "byte": "GB/s"}[job.unit],
        }
        for job, (low, median, high) in zip(jobs, timings, strict=True)
    ]
    if arguments.json:
        write_json({**about, "results": rows}, "-")
        return
    print(f"sprat {about['version']}, {about['isa']}, threads: {about['threads']}")
    print(f"{'work':<42}{'median µs':>12}{'quartiles':>22}")
    for job, (low, median, high), row in zip(jobs, timings, rows, strict=True):
        quartiles = f"{low * 1e6:>11,.2f}{high * 1e6:>11,.2f}"
        print(f"{job.name:<42}{median * 1e6:>12,.2f}{quartiles}{row['rate']:>10,.1f} {row['unit']}")


def make_jobs() -> list[Job]:
    """The work; amounts are the least that any way of doing it must multiply and add, or read and write."""
    from .. import optim, prune, quantization
    from ..inference import Predictor
    from ..nn import MLP
    from ..training import Step

    rng = np.random.default_rng(0)
    model = MLP(SIZES, seed=0)
    predict = Predictor(model)
    x = rng.standard_normal((ROWS, SIZES[0]), np.float32)
    y = rng.integers(0, SIZES[-1], ROWS)
    one = x[:1].copy()
    out, one_out = (np.empty((rows, SIZES[-1]), np.float32) for rows in (ROWS, 1))
    products = [ins * outs for ins, outs in itertools.pairwise(SIZES)]

    # So small a rate leaves the weights, and with them the work, where they are.
    step = Step(model, optim.Adam(model, lr=1e-6), loss="cross_entropy")
    batch = x[:BATCH], y[:BATCH]

    array, gradient = (rng.standard_normal(N, np.float32) for _ in range(2))
    updated = optim.Adam([array.copy()], lr=1e-6)
    updated.bind([gradient])
    codes, real, pruned = np.empty(N, np.int8), np.empty(N, np.float32), array.copy()

    def fresh() -> None:
        np.copyto(pruned, array)

    return [
        Job("predict, 1 row", lambda: predict(one, out=one_out), 2.0 * sum(products), "flop"),
        Job(f"predict, {ROWS} rows", lambda: predict(x, out=out), 2.0 * sum(products) * ROWS, "flop"),
        # Forward, gradient of the weights, and gradient of the inputs of all layers but the first.
        Job(f"training step with Adam, {BATCH} rows", lambda: step(*batch), 2.0 * BATCH * (3 * sum(products) - products[0]), "flop"),
        Job("Adam step, 1,000,000 elements", updated.step, 28.0 * N, "byte"),
        Job("quantize to int8, 1,000,000 elements", lambda: quantization.quantize(array, 0.03, out=codes), 5.0 * N, "byte"),
        Job("dequantize, 1,000,000 elements", lambda: quantization.dequantize(codes, 0.03, out=real), 5.0 * N, "byte"),
        Job("prune by threshold, 1,000,000 elements", lambda: prune.threshold(pruned, 1.6), 9.0 * N, "byte", fresh),
        Job("prune 90 % by magnitude, 1,000,000", lambda: prune.magnitude(pruned, 0.9), 13.0 * N, "byte", fresh),
    ]  # fmt: skip


def measure(jobs: list[Job], seconds: float) -> list[tuple[float, float, float]]:
    """Quartiles and median of one call's seconds, of each job: (low, median, high).

    Jobs take turns, one block of calls each, until the time is over; each has three blocks at least.
    """
    block = min(0.005, seconds / (8 * len(jobs)))
    counts = []
    for job in jobs:
        run_block(job, 1)  # warms up
        counts.append(calls_that_fill(job, block)[0])
    taken: list[list[float]] = [[] for _ in jobs]
    deadline = time.perf_counter() + seconds * 0.9
    while len(taken[0]) < 3 or time.perf_counter() < deadline:
        for job, count, times in zip(jobs, counts, taken, strict=True):
            times.append(run_block(job, count) / count)
    quartiles = [statistics.quantiles(times, n=4, method="inclusive") for times in taken]
    return [(low, median, high) for low, median, high in quartiles]


def calls_that_fill(work: Repeatable, seconds: float) -> tuple[int, float]:
    """How many calls fill a block of so many seconds, and the seconds of such a block."""
    count = 1
    while (taken := run_block(work, count)) < seconds:
        count = max(count + 1, min(10 * count, int(count * seconds / max(taken, 1e-9)) + 1))
    return count, taken


def run_block(work: Repeatable, count: int) -> float:
    """Seconds of ``count`` calls, without those of the resets."""
    call, reset, clock = work.call, work.reset, time.perf_counter
    if reset is None:
        start = clock()
        for _ in range(count):
            call()
        return clock() - start
    taken = 0.0
    for _ in range(count):
        reset()
        start = clock()
        call()
        taken += clock() - start
    return taken
