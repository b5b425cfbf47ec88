"""Schedules that hold or lower the rate: constant, steps, exponential, inverse time, polynomial, linear."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any, ClassVar

from ..._check import check_count, check_flag, check_number
from ._base import Schedule
from ._portable import blend, power

__all__ = ["Constant", "Exponential", "InverseSqrt", "InverseTime", "Linear", "MultiStep", "Polynomial", "Step"]


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step.

    Parameters
    ----------
    lr : float
        The rate, >= 0.

    Examples
    --------
    >>> Constant(0.01)(1000)
    0.01
    """

    name: ClassVar[str] = "constant"
    lr: float

    def __post_init__(self) -> None:
        self._store(lr=check_number("lr", self.lr))

    def at(self, step: int) -> float:
        return self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """Multiply the rate by `gamma` every `step_size` steps: lr * gamma ** floor(step / step_size).

    Parameters
    ----------
    lr : float
        First rate, >= 0.
    step_size : int
        Steps between two changes, >= 1.
    gamma : float
        Factor, >= 0. The default 0.1 is that of torch.optim.lr_scheduler.StepLR.

    Examples
    --------
    >>> schedule = Step(1.0, step_size=10, gamma=0.5)
    >>> schedule(9), schedule(10), schedule(20)
    (1.0, 0.5, 0.25)
    """

    name: ClassVar[str] = "step"
    lr: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr),
            step_size=check_count("step_size", self.step_size),
            gamma=check_number("gamma", self.gamma),
        )

    def at(self, step: int) -> float:
        return self.lr * power(self.gamma, step // self.step_size)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """Multiply the rate by `gamma` at each milestone: lr * gamma ** (number of milestones <= step).

    Parameters
    ----------
    lr : float
        First rate, >= 0.
    milestones : sequence of int
        Steps at which the rate changes, increasing, each >= 1.
    gamma : float
        Factor, >= 0. The default 0.1 is that of torch.optim.lr_scheduler.MultiStepLR.

    Examples
    --------
    >>> schedule = MultiStep(1.0, milestones=[30, 80], gamma=0.5)
    >>> schedule(29), schedule(30), schedule(80)
    (1.0, 0.5, 0.25)
    """

    name: ClassVar[str] = "multi_step"
    lr: float
    milestones: Sequence[int]  # kept as a tuple
    gamma: float = 0.1

    def __post_init__(self) -> None:
        given: Any = self.milestones
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise TypeError(f"milestones: wanted a sequence of integers, got {type(given).__name__}")
        milestones = tuple(check_count(f"milestones[{i}]", m) for i, m in enumerate(given))
        for i, (earlier, later) in enumerate(pairwise(milestones)):
            if later <= earlier:
                raise ValueError(f"milestones must increase, got {later} after {earlier} at position {i + 1}")
        self._store(lr=check_number("lr", self.lr), milestones=milestones, gamma=check_number("gamma", self.gamma))

    def at(self, step: int) -> float:
        return self.lr * power(self.gamma, bisect_right(self.milestones, step))


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: lr * gamma ** n, with n = floor(step / every) the number of periods (epochs) done.

    The "learning rate decay" of many tutorials, lr * decay ** epoch, is ``Exponential(lr, decay,
    every=steps_per_epoch)``. The power always multiplies the initial rate. (Multiplying an already reduced
    rate by decay ** epoch, as is sometimes seen, compounds to decay ** (epoch * (epoch + 1) / 2) and stops
    the training far too early.)

    Parameters
    ----------
    lr : float
        First rate, >= 0.
    gamma : float
        Factor per period, >= 0. Above 1 the rate grows, as a learning-rate range test wants.
    every : int
        Steps in a period: 1 decays per step; the number of batches in an epoch decays per epoch.
    staircase : bool
        True (default): constant within a period. False: n = step / every, smooth.

    Examples
    --------
    >>> schedule = Exponential(0.1, gamma=0.5, every=100)
    >>> schedule(99), schedule(100), schedule(250)
    (0.1, 0.05, 0.025)
    >>> Exponential(0.1, gamma=0.25, every=100, staircase=False)(50)
    0.05
    """

    name: ClassVar[str] = "exponential"
    lr: float
    gamma: float
    every: int = 1
    staircase: bool = True

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr),
            gamma=check_number("gamma", self.gamma),
            every=check_count("every", self.every),
        )
        check_flag("staircase", self.staircase)

    def at(self, step: int) -> float:
        return self.lr * power(self.gamma, step // self.every if self.staircase else step / self.every)


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """Inverse square root: lr * sqrt(hold / max(step, hold)).

    After a warm-up of `hold` steps this is the rate of the transformer (Vaswani et al. 2017, equation 3), which the
    number of further steps need not be known for.

    Parameters
    ----------
    lr : float
        The rate of the first `hold` steps, >= 0.
    hold : int
        Steps until the rate begins to fall, >= 1; after four times as many it has halved.

    Examples
    --------
    >>> schedule = InverseSqrt(0.1, hold=100)
    >>> schedule(0), schedule(100), schedule(400)
    (0.1, 0.1, 0.05)
    """

    name: ClassVar[str] = "inverse_sqrt"
    lr: float
    hold: int

    def __post_init__(self) -> None:
        self._store(lr=check_number("lr", self.lr), hold=check_count("hold", self.hold))

    def at(self, step: int) -> float:
        return self.lr * sqrt(self.hold / max(step, self.hold))


@dataclass(frozen=True)
class InverseTime(Schedule):
    """Inverse-time decay: lr / (1 + decay * n), with n = floor(step / every) the number of periods done.

    The classic stochastic-approximation rate (Robbins & Monro 1951: the rates sum to infinity, their squares
    do not).

    Parameters
    ----------
    lr : float
        First rate, >= 0.
    decay : float
        After 1 / decay periods the rate has halved; >= 0.
    every : int
        Steps in a period: 1 decays per step; the number of batches in an epoch decays per epoch.
    staircase : bool
        True (default): constant within a period. False: n = step / every, smooth.

    Examples
    --------
    >>> schedule = InverseTime(0.1, decay=0.5, every=10)
    >>> schedule(0), schedule(20), schedule(60)
    (0.1, 0.05, 0.025)
    """

    name: ClassVar[str] = "inverse_time"
    lr: float
    decay: float
    every: int = 1
    staircase: bool = True

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr),
            decay=check_number("decay", self.decay),
            every=check_count("every", self.every),
        )
        check_flag("staircase", self.staircase)

    def at(self, step: int) -> float:
        return self.lr / (1.0 + self.decay * (step // self.every if self.staircase else step / self.every))


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Polynomial decay from `lr` to `end`: end + (lr - end) * (1 - t) ** power, t = min(step / steps, 1).

    Parameters
    ----------
    lr : float
        Rate at step 0, >= 0.
    steps : int
        Step at which `end` is reached; from there on the rate is `end`.
    power : float
        Exponent, > 0. The default 1.0 is a straight line, as in torch.optim.lr_scheduler.PolynomialLR.
    end : float
        Final rate, >= 0.

    Examples
    --------
    >>> schedule = Polynomial(0.4, steps=100, power=2.0)
    >>> schedule(0), schedule(50), schedule(100), schedule(500)
    (0.4, 0.1, 0.0, 0.0)
    """

    name: ClassVar[str] = "polynomial"
    lr: float
    steps: int
    power: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr),
            steps=check_count("steps", self.steps),
            power=check_number("power", self.power, open_low=True),
            end=check_number("end", self.end),
        )

    def at(self, step: int) -> float:
        left = max(self.steps - step, 0) / self.steps
        return blend(self.end, self.lr, power(left, self.power))


@dataclass(frozen=True)
class Linear(Schedule):
    """Straight line from lr * start_factor to lr * end_factor over `steps`, then constant.

    Parameters
    ----------
    lr : float
        The rate that both factors multiply, >= 0.
    steps : int
        Step at which the last rate is reached.
    start_factor, end_factor : float
        Factors at step 0 and from step `steps` on, >= 0. The defaults 1/3 and 1.0 (a warm-up) are those of
        torch.optim.lr_scheduler.LinearLR.

    Examples
    --------
    >>> schedule = Linear(1.0, steps=4, start_factor=0.5)
    >>> [schedule(step) for step in range(6)]
    [0.5, 0.625, 0.75, 0.875, 1.0, 1.0]
    """

    name: ClassVar[str] = "linear"
    lr: float
    steps: int
    start_factor: float = 1.0 / 3.0
    end_factor: float = 1.0

    def __post_init__(self) -> None:
        self._store(
            lr=check_number("lr", self.lr),
            steps=check_count("steps", self.steps),
            start_factor=check_number("start_factor", self.start_factor),
            end_factor=check_number("end_factor", self.end_factor),
        )

    def at(self, step: int) -> float:
        return self.lr * blend(self.start_factor, self.end_factor, min(step, self.steps) / self.steps)
