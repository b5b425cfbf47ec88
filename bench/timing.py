"""Seconds of one call, from blocks of calls that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sprat.cli.bench import calls_that_fill, run_block

from .cases import Candidate, Timing


@dataclass(frozen=True)
class Effort:
    """How long to look: blocks of each candidate, and the least seconds of a block."""

    blocks: int = 25
    block_seconds: float = 0.004
    warm_up: int = 3
    most_seconds: float = 2.5  # of one candidate in one case; fewer blocks where calls are long
    pause: float = 0.0  # seconds before each block: libraries' idle threads spin for a while after their last call


QUICK = Effort(blocks=9, block_seconds=0.002, warm_up=2, most_seconds=0.5)
LONG = 1.0  # seconds of a call that needs no warming up after its check


def calls_per_block(candidate: Candidate, effort: Effort) -> tuple[int, float]:
    """Warm up, then find how many calls fill a block, and the seconds of such a block."""
    if candidate.before is not None:
        candidate.before()
    for _ in range(effort.warm_up):
        seconds = run_block(candidate, 1)
        if seconds >= LONG:
            return 1, seconds
    return calls_that_fill(candidate, effort.block_seconds)


def rotation(names: Sequence[str], block: int) -> list[str]:
    """The order of a block: everyone begins equally often, and every second round of blocks runs backwards.

    >>> rotation(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    >>> rotation(["a", "b", "c"], 3)
    ['c', 'b', 'a']
    """
    shift, turned = block % len(names), block // len(names) % 2
    order = list(names[shift:]) + list(names[:shift])
    return order[::-1] if turned else order


def summarize(seconds: Sequence[float]) -> Timing:
    """Median and quartiles.

    >>> summarize([3.0, 1.0, 2.0])
    Timing(median=2.0, low=1.5, high=2.5)
    """
    if len(seconds) == 1:
        return Timing(seconds[0], seconds[0], seconds[0])
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, low, high)


def time_interleaved(candidates: Sequence[Candidate], effort: Effort) -> dict[str, Timing]:
    """Median seconds of one call of each, from blocks that take turns in an order that rotates."""
    counts = {candidate.name: calls_per_block(candidate, effort) for candidate in candidates}
    blocks = {
        name: min(effort.blocks, max(2 if seconds >= LONG else 3, int(effort.most_seconds / seconds)))
        for name, (_, seconds) in counts.items()
    }
    by_name = {candidate.name: candidate for candidate in candidates}
    # A long call is too dear to be thrown away: it counts as a block.
    measured = {name: [seconds] if seconds >= LONG else [] for name, (_, seconds) in counts.items()}
    for block in range(max(blocks.values(), default=0)):
        for name in rotation(list(by_name), block):
            if len(measured[name]) < blocks[name]:
                measured[name].append(_block_in_turn(by_name[name], counts[name][0], effort.pause))
    return {name: summarize([seconds / by_name[name].times for seconds in values]) for name, values in measured.items()}


def _block_in_turn(candidate: Candidate, count: int, pause: float) -> float:
    """Seconds of one call, from a block that follows another candidate's."""
    if candidate.before is not None:
        candidate.before()
    if pause:
        time.sleep(pause)
        run_block(candidate, 1)  # wakes the threads
    return run_block(candidate, count) / count
