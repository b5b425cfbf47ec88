"""NAdam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._base import Options
from .optimizer import Optimizer
from .schedules import Schedule


class NAdam(Optimizer):
    """NAdam (Dozat 2016, algorithm 8): Adam that looks one step of momentum ahead.

    ::

        mu_t        = beta1 * (1 - 0.96^(t * momentum_decay) / 2)          t = 1 for the first step
        g           = grad + weight_decay * param
        exp_avg     = beta1 * exp_avg    + (1 - beta1) * g
        exp_avg_sq  = beta2 * exp_avg_sq + (1 - beta2) * g^2
        look_ahead  = (1 - mu_t) / (1 - mu_1 ... mu_t) * g + mu_(t+1) / (1 - mu_1 ... mu_(t+1)) * exp_avg
        param      -= lr * look_ahead / (sqrt(exp_avg_sq / (1 - beta2^t)) + eps)

    Parameters
    ----------
    params : list or dict of arrays, model, or list of groups
        What to update: see `Optimizer`.
    lr : float or Schedule
        Learning rate, at least 0.
    betas : pair of float
        Decay of the averages of the gradient and of its square, each in [0, 1).
    eps : float
        Keeps the denominator away from 0.
    weight_decay : float
        L2 penalty: its gradient is added to grad.
    momentum_decay : float
        How fast the momentum mu rises from half of beta1 to beta1.
    decoupled_weight_decay : bool
        Decay as `AdamW` does.
    maximize : bool
        Climb instead of descending.
    **options
        `clip_norm`, `clip_value`, `masks`, `ema_decay`, `nonfinite`: see `Optimizer`.

    Notes
    -----
    The product of the momenta is kept in float64; torch keeps it in its default dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.zeros(2)
    >>> optimizer = optim.NAdam([w], lr=0.1)
    >>> optimizer.step([np.array([3.0, -0.001])])
    True
    >>> w.round(4)
    array([-0.1056,  0.1056])
    """

    _keeps_mu_product = True

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **options: Unpack[Options],
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, **options)

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        return "nadam"
