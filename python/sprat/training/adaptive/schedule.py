"""Which schedule suits a budget."""

from __future__ import annotations

from dataclasses import dataclass

from ..._check import check_count, check_positive
from ...optim.schedules import Cosine, OneCycle, Schedule, Warmup

# Up to so many epochs are short: every one counts, and one rise and fall makes the most of them.
_SHORT_EPOCHS = 10
# A warm-up takes this share of the steps, so many at most.
_WARMUP_SHARE, _MOST_WARMUP = 0.05, 1000
# Fewer steps than this are too few to warm up in.
_FEW_STEPS = 100


@dataclass(frozen=True)
class ScheduleChoice:
    """A schedule and why.

    Attributes
    ----------
    schedule : schedules.Schedule or float
        What ``lr=`` of ``fit`` takes; a number when a callback lowers it.
    name : "one-cycle", "warmup + cosine" or "reduce on plateau"
    reason : str

    Examples
    --------
    >>> choose_schedule(0.01, steps=50).name
    'one-cycle'
    """

    schedule: Schedule | float
    name: str
    reason: str


def choose_schedule(lr: float, steps: int | None, epochs: int | None = None) -> ScheduleChoice:
    """A schedule for a budget of steps.

    - No budget: the rate is lowered when validation stops improving (``ReduceOnPlateau``), as nobody knows the end.
    - Short, up to ten epochs or a hundred steps: one-cycle (Smith & Topin 2019), from lr / 10 up to lr and down to nearly 0.
    - Longer: a linear warm-up (Goyal et al. 2017) over 5 % of the steps, then a cosine down to 0 (Loshchilov & Hutter 2017).

    Parameters
    ----------
    lr : float
        Highest rate, such as ``find_lr(...).suggestion``.
    steps : int or None
        Updates there will be; None when the end is not known.
    epochs : int, optional
        What the steps are in epochs; default: the budget counts as long from a hundred steps on.

    Examples
    --------
    >>> choose_schedule(0.01, steps=20_000, epochs=40).schedule
    Warmup(steps=1000, then=Cosine(lr=0.01, steps=19000, end=0.0), start=1e-05)
    >>> choose_schedule(0.01, steps=500, epochs=3).name
    'one-cycle'
    >>> choose_schedule(0.01, steps=None).reason
    'no budget says when to end, so the rate is lowered whenever validation stops improving'
    """
    rate = check_positive("lr", lr)
    if steps is None:
        reason = "no budget says when to end, so the rate is lowered whenever validation stops improving"
        return ScheduleChoice(rate, "reduce on plateau", reason)
    count = check_count("steps", steps)
    length = f"{count:,} steps" + (f" ({epochs} epochs)" if epochs is not None else "")
    if count < _FEW_STEPS or (epochs is not None and check_count("epochs", epochs) <= _SHORT_EPOCHS):
        cycle = OneCycle(rate, steps=count, div_factor=10.0)
        return ScheduleChoice(
            cycle, "one-cycle", f"{length} are few: one rise to {rate:.2g} and one descent use all of them"
        )
    warm = min(max(round(_WARMUP_SHARE * count), 1), _MOST_WARMUP)
    cosine = Warmup(warm, Cosine(rate, steps=count - warm), start=rate / warm)
    reason = (
        f"{length} allow a warm-up of {warm} steps to {rate:.2g} and a slow cosine to 0, which ends better than a jump"
    )
    return ScheduleChoice(cosine, "warmup + cosine", reason)
