"""AdamW."""

from __future__ import annotations

from typing import Any, Unpack

from ._base import Options
from .adam import Adam
from .schedules import Schedule


class AdamW(Adam):
    """`Adam` with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    ::

        param  = param - lr * weight_decay * param
        then Adam's update with g = grad

    The decay does not pass through the averages, so every weight shrinks at the same rate.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize, **options
        As in `Adam`.
    weight_decay : float
        Share of a parameter, times lr, that each step takes off.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.ones(1)
    >>> optimizer = optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> optimizer.step([np.zeros(1)])
    True
    >>> w
    array([0.95])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            **options,
        )
