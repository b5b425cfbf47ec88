"""Sparsity that grows while a model trains."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .._check import check_count


@dataclass(frozen=True)
class GradualSchedule:
    r"""Sparsity as a function of the step: fast at first, slower as fewer weights are left (Zhu & Gupta 2017, eq. 1).

    .. math:: s_t = s_f + (s_i - s_f) \left(1 - \frac{t - t_0}{t_1 - t_0}\right)^3 \quad t_0 \le t \le t_1

    Before ``begin_step`` the sparsity is 0 (nothing is pruned yet), after ``end_step`` it is ``final_sparsity``.

    Parameters
    ----------
    initial_sparsity, final_sparsity
        Shares of zeros, 0 to 1, the final one not the smaller.
    begin_step, end_step
        Update steps, counted from 0 as those of learning-rate schedules; ``begin_step < end_step``.
    every
        Prune at every so many steps after ``begin_step`` (and at ``end_step``): weights need time to recover. 100, as
        in the paper's experiments.

    Examples
    --------
    >>> import sprat
    >>> schedule = sprat.prune.GradualSchedule(0.0, 0.9, begin_step=0, end_step=1000)
    >>> [round(schedule(step), 3) for step in (0, 250, 500, 1000, 2000)]
    [0.0, 0.52, 0.787, 0.9, 0.9]
    >>> schedule.is_due(150), schedule.is_due(200)
    (False, True)
    """

    initial_sparsity: float = 0.0
    final_sparsity: float = 0.9
    begin_step: int = 0
    end_step: int = 1000
    every: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.initial_sparsity <= self.final_sparsity <= 1:
            raise ValueError(
                "initial_sparsity, final_sparsity: wanted 0 <= initial <= final <= 1, "
                f"got {self.initial_sparsity!r} and {self.final_sparsity!r}"
            )
        if not 0 <= self.begin_step < self.end_step:
            raise ValueError(
                f"begin_step, end_step: wanted 0 <= begin < end, got {self.begin_step!r} and {self.end_step!r}"
            )
        check_count("every", self.every)

    def __call__(self, step: int) -> float:
        """The sparsity wanted after update ``step``."""
        if step < self.begin_step:
            return 0.0
        left = 1 - min((step - self.begin_step) / (self.end_step - self.begin_step), 1.0)
        return self.final_sparsity + (self.initial_sparsity - self.final_sparsity) * left**3

    def is_due(self, step: int) -> bool:
        """Whether to prune at this step."""
        if not self.begin_step <= step <= self.end_step:
            return False
        return step == self.end_step or (step - self.begin_step) % self.every == 0

    def config(self) -> dict[str, Any]:
        """The fields, JSON-able: ``GradualSchedule(**schedule.config())`` is an equal schedule."""
        return asdict(self)
