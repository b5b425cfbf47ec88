"""Lion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._base import Options
from .optimizer import Optimizer
from .schedules import Schedule


class Lion(Optimizer):
    """Lion (Chen et al. 2023, algorithm 2): steps of one size, whose signs are learnt.

    ::

        param  -= lr * weight_decay * param
        param  -= lr * sign(beta1 * exp_avg + (1 - beta1) * grad)
        exp_avg = beta2 * exp_avg + (1 - beta2) * grad

    It keeps one state where `Adam` keeps two. Its steps are larger: the paper takes a third to a tenth of AdamW's
    lr, and 3 to 10 times its weight_decay.

    Parameters
    ----------
    params : list or dict of arrays, model, or list of groups
        What to update: see `Optimizer`.
    lr : float or Schedule
        Size of every step, at least 0.
    betas : pair of float
        Share of the average in the direction of the step, and decay of the average, each in [0, 1).
    weight_decay : float
        Share of a parameter, times lr, that each step takes off.
    maximize : bool
        Climb instead of descending.
    **options
        `clip_norm`, `clip_value`, `masks`, `ema_decay`, `nonfinite`: see `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.zeros(3)
    >>> optimizer = optim.Lion([w], lr=0.5)
    >>> optimizer.step([np.array([3.0, -0.001, 0.0])])
    True
    >>> w
    array([-0.5,  0.5,  0. ])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **options: Unpack[Options],
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, **options)

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        return "lion"
