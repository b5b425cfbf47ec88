"""Seconds: how many there are, what they are kept for, and how a training is ended when they run out."""

from __future__ import annotations

import time
from typing import Any

from ...training import Callback
from ...training.interrupt import InterruptGuard

# Steps between two looks at the clock: well below a millisecond of a small network's training.
_STRIDE = 20


class Budget:
    """The time of a search.

    Parameters
    ----------
    seconds : float
        In all, from now on.
    guard : InterruptGuard
        Whether Ctrl-C has come.

    >>> Budget(10.0, InterruptGuard()).left > 9
    True
    """

    def __init__(self, seconds: float, guard: InterruptGuard) -> None:
        self.seconds = seconds
        self._start = time.monotonic()
        self._guard = guard
        self.reserve = 0.0

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds for the search: what is not kept for the last measurements."""
        return self.seconds - self.reserve - self.spent

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C has come."""
        return self._guard.requested

    @property
    def over(self) -> bool:
        """Whether the search has to come to its end."""
        return self.interrupted or self.left <= 0

    def allows(self, seconds: float) -> bool:
        """Whether something that takes this long fits in."""
        return not self.over and seconds < self.left


class StopWithBudget(Callback):
    """Ends a training when the budget is over; what it has made by then is no candidate."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def next_batch_end(self, trainer: Any) -> float:
        return float(_STRIDE - trainer.step % _STRIDE)

    def on_batch_end(self, trainer: Any) -> None:
        if self._budget.left <= 0:
            trainer.stop("budget")
