"""Schedules made of schedules: a warm-up before any other, and one after another."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass
from typing import Any, ClassVar

from ..._check import check_count, check_number
from ._base import Schedule, schedule
from ._portable import blend

__all__ = ["Sequence", "Warmup"]


@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear rise from `start` to the first rate of `then`, followed by `then` (Goyal et al. 2017, gradual
    warm-up).

    start + (then(0) - start) * step / steps for step < steps, then(step - steps) afterwards: `then` counts
    from 0 when the warm-up is over, and the rate has no jump there.

    Parameters
    ----------
    steps : int
        Length of the warm-up.
    then : Schedule
        What follows.
    start : float
        Rate at step 0, >= 0. With the default 0.0 the first update moves nothing (it still starts the running
        averages); ``start=peak / steps`` begins with one increment.

    Examples
    --------
    >>> from sprat.optim.schedules import Cosine
    >>> schedule = Warmup(10, Cosine(0.1, steps=100))
    >>> schedule(0), schedule(5), schedule(10), schedule(60), schedule(110)
    (0.0, 0.05, 0.1, 0.05, 0.0)
    """

    name: ClassVar[str] = "warmup"
    steps: int
    then: Schedule
    start: float = 0.0

    def __post_init__(self) -> None:
        self._store(
            steps=check_count("steps", self.steps),
            then=schedule("then", self.then),
            start=check_number("start", self.start),
        )

    def at(self, step: int) -> float:
        if step >= self.steps:
            return self.then.at(step - self.steps)
        return blend(self.start, self.then.at(0), step / self.steps)


@dataclass(frozen=True)
class Sequence(Schedule):
    """Schedules one after another, each counting from 0 when its turn comes.

    Parameters
    ----------
    parts : sequence of (steps, schedule)
        Each schedule and for how many steps it runs. The last one goes on for ever; its number of steps may
        be None.

    Examples
    --------
    >>> from sprat.optim.schedules import Constant, Exponential
    >>> schedule = Sequence([(5, Constant(0.1)), (None, Exponential(1.0, gamma=0.5))])
    >>> schedule(4), schedule(5), schedule(6), schedule(7)
    (0.1, 1.0, 0.5, 0.25)
    """

    name: ClassVar[str] = "sequence"
    parts: abc.Sequence[tuple[int | None, Schedule]]  # kept as a tuple

    def __post_init__(self) -> None:
        parts: Any = self.parts
        if isinstance(parts, str) or not isinstance(parts, abc.Iterable):
            raise TypeError(f"parts: wanted a sequence of (steps, schedule) pairs, got {type(parts).__name__}")
        parts = list(parts)
        if not parts:
            raise ValueError("parts must hold at least one (steps, schedule) pair, got none")
        checked: list[tuple[int | None, Schedule]] = []
        for i, part in enumerate(parts):
            if not isinstance(part, tuple | list) or len(part) != 2:
                raise TypeError(f"parts[{i}]: wanted a (steps, schedule) pair, got {type(part).__name__}")
            last = i == len(parts) - 1
            steps = None if last and part[0] is None else check_count(f"parts[{i}][0]", part[0])
            checked.append((steps, schedule(f"parts[{i}][1]", part[1])))
        self._store(parts=tuple(checked))

    def at(self, step: int) -> float:
        for steps, part in self.parts[:-1]:
            assert steps is not None  # only the last part may be endless
            if step < steps:
                return part.at(step)
            step -= steps
        return self.parts[-1][1].at(step)
