"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._base import Options
from .optimizer import Optimizer
from .schedules import Schedule


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011, figure 1): each parameter's rate falls with the gradients it has
    seen.

    ::

        g      = grad + weight_decay * param
        sum    = sum + g^2
        param -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)        t = 1 for the first step

    Parameters
    ----------
    params : list or dict of arrays, model, or list of groups
        What to update: see `Optimizer`.
    lr : float or Schedule
        Learning rate, at least 0.
    lr_decay : float
        How fast the rate falls with the step, on top of any schedule.
    weight_decay : float
        L2 penalty: its gradient is added to grad.
    initial_accumulator_value : float
        What `sum` begins with; above 0 it softens the first steps.
    eps : float
        Keeps the denominator away from 0.
    maximize : bool
        Climb instead of descending.
    **options
        `clip_norm`, `clip_value`, `masks`, `ema_decay`, `nonfinite`: see `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.zeros(2)
    >>> optimizer = optim.Adagrad([w], lr=0.1)
    >>> optimizer.step([np.array([5.0, 0.2])])
    True
    >>> w.round(4)
    array([-0.1, -0.1])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **options: Unpack[Options],
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults, **options)

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        return "adagrad"

    @staticmethod
    def _initial_state(name: str, group: Mapping[str, Any]) -> float:
        return float(group["initial_accumulator_value"])
