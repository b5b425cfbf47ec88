"""Adam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._base import Options
from .optimizer import Optimizer
from .schedules import Schedule


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1), optionally with AMSGrad (Reddi, Kale & Kumar 2018, algorithm 2).

    ::

        g           = grad + weight_decay * param
        exp_avg     = beta1 * exp_avg    + (1 - beta1) * g
        exp_avg_sq  = beta2 * exp_avg_sq + (1 - beta2) * g^2
        param      -= lr / (1 - beta1^t) * exp_avg / (sqrt(exp_avg_sq / (1 - beta2^t)) + eps)

    with t = 1 for the first step. Listings that count the first step, or epoch, as 0 divide by 1 - beta^0 =
    0 there.

    Parameters
    ----------
    params : list or dict of arrays, model, or list of groups
        What to update: see `Optimizer`.
    lr : float or Schedule
        Learning rate, at least 0.
    betas : pair of float
        Decay of the averages of the gradient and of its square, each in [0, 1).
    eps : float
        Keeps the denominator away from 0, and a parameter with tiny gradients from large steps.
    weight_decay : float
        L2 penalty: its gradient is added to grad, and so scaled like it. See `AdamW` for decay by itself.
    amsgrad : bool
        Divide by the largest average of squares so far.
    maximize : bool
        Climb instead of descending.
    decoupled_weight_decay : bool
        Decay as `AdamW` does.
    **options
        `clip_norm`, `clip_value`, `masks`, `ema_decay`, `nonfinite`: see `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.zeros(2)
    >>> optimizer = optim.Adam([w], lr=0.1)
    >>> optimizer.step([np.array([3.0, -0.001])])
    True
    >>> w.round(4)
    array([-0.1,  0.1])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **options: Unpack[Options],
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults, **options)

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        decay = "adamw" if group["decoupled_weight_decay"] else "adam"
        return decay + "_amsgrad" if group["amsgrad"] else decay
