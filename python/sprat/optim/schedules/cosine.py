"""Schedules made of half a cosine wave: annealing, warm restarts, one-cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..._check import check_count, check_flag, check_number
from ._base import Schedule
from ._portable import blend, cospi

__all__ = ["Cosine", "CosineWarmRestarts", "OneCycle"]


def _anneal(first: float, last: float, t: float) -> float:
    """last + (first - last) * (1 + cos(pi * t)) / 2: first at t = 0, last at t = 1, flat at both ends."""
    return blend(first, last, 0.5 * (1.0 - cospi(t)))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine annealing: end + (lr - end) * (1 + cos(pi * t)) / 2, t = min(step / steps, 1).

    Equation 5 of Loshchilov & Hutter 2017 (SGDR) for a single cycle. `lr` is the initial rate at every step;
    putting the already annealed rate in its place, as is sometimes seen, compounds the factors and ends the
    training too early. From step `steps` on the rate is `end` (torch.optim.lr_scheduler.CosineAnnealingLR
    would rise again).

    Parameters
    ----------
    lr : float
        Rate at step 0, >= 0.
    steps : int
        Step at which `end` is reached.
    end : float
        Final rate, >= 0.

    Examples
    --------
    >>> schedule = Cosine(0.1, steps=100)
    >>> schedule(0), schedule(50), schedule(100), schedule(1000)
    (0.1, 0.05, 0.0, 0.0)
    """

    name: ClassVar[str] = "cosine"
    lr: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr), steps=check_count("steps", self.steps), end=check_number("end", self.end)
        )

    def at(self, step: int) -> float:
        return _anneal(self.lr, self.end, min(step, self.steps) / self.steps)


@dataclass(frozen=True)
class CosineWarmRestarts(Schedule):
    """Cosine annealing that jumps back to `lr` at the end of each cycle (SGDR).

    In a cycle of length T, t steps after its start: end + (lr - end) * (1 + cos(pi * t / T)) / 2. The first T
    is `steps`, each next one `factor` times as long (Loshchilov & Hutter 2017, T_0 and T_mult).

    Parameters
    ----------
    lr : float
        Rate at the start of each cycle, >= 0.
    steps : int
        Length of the first cycle.
    factor : int
        Each cycle is this many times as long as the one before, >= 1. The default 1 keeps the length.
    end : float
        Rate that each cycle comes down to, >= 0.

    Examples
    --------
    >>> schedule = CosineWarmRestarts(0.1, steps=10, factor=2)
    >>> schedule(0), schedule(5), schedule(10), schedule(20), schedule(30)
    (0.1, 0.05, 0.1, 0.05, 0.1)
    """

    name: ClassVar[str] = "cosine_warm_restarts"
    lr: float
    steps: int
    factor: int = 1
    end: float = 0.0

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr),
            steps=check_count("steps", self.steps),
            factor=check_count("factor", self.factor),
            end=check_number("end", self.end),
        )

    def at(self, step: int) -> float:
        length = self.steps
        if self.factor == 1:
            step %= length
        while step >= length:
            step -= length
            length *= self.factor
        return _anneal(self.lr, self.end, step / length)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One rise to `max_lr`, then one descent far below the start (Smith & Topin 2019, super-convergence).

    Two phases: max_lr / div_factor -> max_lr -> max_lr / (div_factor * final_div_factor); three phases come
    down to the start before the final descent. Phases end at the steps of
    torch.optim.lr_scheduler.OneCycleLR: the peak is at step pct_start * steps - 1, the last rate at step
    steps - 1; after it the rate stays (torch raises).

    Parameters
    ----------
    max_lr : float
        Highest rate, >= 0.
    steps : int
        Number of updates in the cycle.
    pct_start : float
        Share of the steps spent rising, 0 to 1 (to 0.5 with three phases).
    anneal : "cos" or "linear"
        Shape of each phase.
    div_factor : float
        First rate is max_lr / div_factor; > 0.
    final_div_factor : float
        Last rate is the first one / final_div_factor; > 0.
    three_phase : bool
        Come down to the first rate in as many steps as the rise took, then descend to the last one.

    Examples
    --------
    >>> schedule = OneCycle(1.0, steps=100, pct_start=0.25, div_factor=10.0)
    >>> schedule(0), schedule(24), schedule(99)
    (0.1, 1.0, 1e-05)
    """

    name: ClassVar[str] = "one_cycle"
    max_lr: float
    steps: int
    pct_start: float = 0.3
    anneal: str = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False

    def __post_init__(self) -> None:
        if self.anneal not in ("cos", "linear"):
            raise ValueError(f"anneal: wanted 'cos' or 'linear', got {self.anneal!r}")
        check_flag("three_phase", self.three_phase)
        self._store(
            max_lr=check_number("max_lr", self.max_lr),
            steps=check_count("steps", self.steps),
            pct_start=check_number("pct_start", self.pct_start, high=0.5 if self.three_phase else 1.0),
            div_factor=check_number("div_factor", self.div_factor, open_low=True),
            final_div_factor=check_number("final_div_factor", self.final_div_factor, open_low=True),
        )

    def at(self, step: int) -> float:
        first = self.max_lr / self.div_factor
        last = first / self.final_div_factor
        top = self.pct_start * self.steps - 1.0  # the step of the peak, as torch counts it; may be fractional
        end = self.steps - 1.0
        if step <= top:
            return self._phase(first, self.max_lr, step, 0.0, top)
        if not self.three_phase:
            return self._phase(self.max_lr, last, step, top, end)
        middle = 2.0 * self.pct_start * self.steps - 2.0
        if step <= middle:
            return self._phase(self.max_lr, first, step, top, middle)
        return self._phase(first, last, step, middle, end)

    def _phase(self, first: float, last: float, step: int, begin: float, end: float) -> float:
        t = min((step - begin) / (end - begin), 1.0) if end > begin else 1.0
        return _anneal(first, last, t) if self.anneal == "cos" else blend(first, last, t)
