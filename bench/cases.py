"""What is timed: a case is work of one size, a candidate one way to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

OURS = "sprat"
# Ours too, but what a compressed network has to beat: it stands beside, neither a peer nor our result.
REFERENCE = "float32"


def is_ours(name: str) -> bool:
    """Whether a candidate is sprat, in whichever of its ways: "sprat", "sprat fit"."""
    return name.split()[0] == OURS


@dataclass
class Candidate:
    """One way to do the work of a case.

    `call` does it once. `check` raises AssertionError if what one call computes is wrong; it runs before the timing.
    `reset`, where a call uses up what it works on, puts that back; it is not timed. A call that does the work `times`
    times over counts as so many. `before` is called before each block, off the clock.
    """

    name: str
    call: Callable[[], object]
    check: Callable[[], None]
    reset: Callable[[], object] | None = None
    times: int = 1
    before: Callable[[], object] | None = None


@dataclass
class Work:
    """The least that any way of doing a case must do; with the machine's limits it gives the shortest time.

    `flops` are additions and multiplications of `flop_kind`, fused two by two; `read` and `written` are bytes within
    `working_set` bytes; `roots` are square roots, each with one division; `calls` are of Python functions.
    """

    flops: float = 0.0
    flop_kind: str = "float32"
    read: float = 0.0
    written: float = 0.0
    working_set: int = 0
    roots: float = 0.0
    calls: float = 0.0


@dataclass
class Case:
    """Work of one size. `sweep` is (title of a plot, name of its x axis, x); `limit`, (seconds or None, what needs them), is
    for work that another machine than this processor does."""

    name: str
    candidates: list[Candidate]
    work: Work = field(default_factory=Work)
    sweep: tuple[str, str, float] | None = None
    limit: tuple[float | None, str] | None = None


@dataclass
class Timing:
    """Seconds of one call: median and quartiles over the blocks."""

    median: float
    low: float
    high: float


@dataclass
class Result:
    """Figures of one case. `wrong` names the candidates that failed their check, and says how."""

    case: str
    timings: dict[str, Timing]
    limit: float | None = None  # seconds
    limited_by: str = ""
    sweep: tuple[str, str, float] | None = None
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> str | None:
        """The name of our fastest way."""
        return self._fastest(True)

    @property
    def best_peer(self) -> str | None:
        """The name of the fastest peer."""
        return self._fastest(False)

    @property
    def ratio(self) -> float | None:
        """Our time over the best peer's: below 1, sprat is faster."""
        ours, peer = self.ours, self.best_peer
        return None if ours is None or peer is None else self.timings[ours].median / self.timings[peer].median

    @property
    def own_ratio(self) -> float | None:
        """Our time over our own in dense float32, where that stands beside."""
        ours = self.ours
        if ours is None or REFERENCE not in self.timings:
            return None
        return self.timings[ours].median / self.timings[REFERENCE].median

    @property
    def share(self) -> float | None:
        """The limit over our time: 1 at the limit."""
        ours = self.ours
        return None if ours is None or self.limit is None else self.limit / self.timings[ours].median

    def _fastest(self, ours: bool) -> str | None:
        names = [name for name in self.timings if is_ours(name) == ours and name != REFERENCE]
        return min(names, key=lambda name: self.timings[name].median, default=None)
