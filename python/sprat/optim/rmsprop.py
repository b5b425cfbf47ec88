"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._base import Options
from .optimizer import Optimizer
from .schedules import Schedule


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), optionally centered (Graves 2013, equations 38 to 45) and with
    momentum.

    ::

        g          = grad + weight_decay * param
        square_avg = alpha * square_avg + (1 - alpha) * g^2
        grad_avg   = alpha * grad_avg + (1 - alpha) * g                   centered; else 0
        scaled     = g / (sqrt(square_avg - grad_avg^2) + eps)
        buf        = momentum * buf + scaled                              momentum 0: buf = scaled
        param     -= lr * buf

    Where rounding makes square_avg - grad_avg^2 negative it counts as 0 (torch answers NaN).

    Parameters
    ----------
    params : list or dict of arrays, model, or list of groups
        What to update: see `Optimizer`.
    lr : float or Schedule
        Learning rate, at least 0.
    alpha : float
        Decay of the averages.
    eps : float
        Keeps the denominator away from 0; added outside the root.
    weight_decay : float
        L2 penalty: its gradient is added to grad.
    momentum : float
        Share of the buffer that a step keeps; 0 keeps no buffer.
    centered : bool
        Divide by the deviation of the gradient instead of its size.
    maximize : bool
        Climb instead of descending.
    **options
        `clip_norm`, `clip_value`, `masks`, `ema_decay`, `nonfinite`: see `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.zeros(2)
    >>> optimizer = optim.RMSprop([w], lr=0.01)
    >>> optimizer.step([np.array([5.0, 0.2])])
    True
    >>> w.round(4)
    array([-0.1, -0.1])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **options: Unpack[Options],
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, **options)

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        kernel = "rmsprop_centered" if group["centered"] else "rmsprop"
        return kernel + "_momentum" if group["momentum"] else kernel
