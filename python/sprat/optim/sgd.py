"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._base import Options
from .optimizer import Optimizer
from .schedules import Schedule


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's form of it (Sutskever et al. 2013).

    ::

        g      = grad + weight_decay * param
        buf    = momentum * buf + (1 - dampening) * g          first step: buf = g
        param -= lr * buf                                      or lr * (g + momentum * buf) with nesterov

    The classical form keeps the rate inside the velocity, v = momentum * v + lr * g. The two are equal
    while lr is constant; when it changes, this one (torch's) applies the new rate to the whole buffer at
    once.

    Parameters
    ----------
    params : list or dict of arrays, model, or list of groups
        What to update: see `Optimizer`.
    lr : float or Schedule
        Learning rate, at least 0.
    momentum : float
        Share of the buffer that a step keeps; 0 keeps no buffer.
    dampening : float
        Takes this share off the gradient that enters the buffer.
    weight_decay : float
        L2 penalty: its gradient is added to grad.
    nesterov : bool
        Look ahead; wants momentum above 0 and no dampening.
    maximize : bool
        Climb instead of descending.
    **options
        `clip_norm`, `clip_value`, `masks`, `ema_decay`, `nonfinite`: see `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w = np.ones(2, np.float32)
    >>> optimizer = optim.SGD([w], lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     ok = optimizer.step([np.ones(2, np.float32)])
    >>> w
    array([-0.25, -0.25], dtype=float32)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **options: Unpack[Options],
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults, **options)

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        return "sgd_momentum" if group["momentum"] else "sgd"

    @staticmethod
    def _check(values: Mapping[str, Any]) -> None:
        if values["nesterov"] and (not values["momentum"] or values["dampening"]):
            raise ValueError("nesterov needs momentum above 0 and dampening 0")
