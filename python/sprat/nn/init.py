"""Initial weights: the same bits for the same seed on every machine.

======================  =====================================================================================
``he_normal``           normal, std sqrt(2 / in): keeps the variance through relu (He et al. 2015)
``he_uniform``          uniform in +-sqrt(6 / in): the same variance
``glorot_normal``       normal, std sqrt(2 / (in + out)): for tanh and sigmoid (Glorot & Bengio 2010)
``glorot_uniform``      uniform in +-sqrt(6 / (in + out)): the same variance
======================  =====================================================================================

Biases begin at zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from .. import _check, _core

__all__ = ["NAMES", "fill"]

NAMES = ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform")

# Random numbers are counted by (seed, stream, index). The high byte of the stream tells uses apart: initial weights
# have 0x1A, dropout 0xD0.
_STREAM = 0x1A << 56


def fill(weight: npt.NDArray[Any], init: str, seed: int, index: int = 0) -> None:
    """Fill a weight (out, in) in place.

    Parameters
    ----------
    weight : ndarray (out, in), float32 or float64
        Contiguous; overwritten.
    init : str
        One of ``NAMES``.
    seed : int
        In [0, 2**64).
    index : int
        Which weight of the network: each has its own stream of random numbers, so that changing the size of one
        layer leaves the others as they were.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.nn import init
    >>> w = np.empty((3, 2), np.float32)
    >>> init.fill(w, "glorot_uniform", seed=0)
    >>> bool(np.abs(w).max() <= (6 / 5) ** 0.5)
    True
    """
    _check.check_choice("init", init, NAMES)
    fan_out, fan_in = weight.shape
    fan = fan_in if init.startswith("he") else (fan_in + fan_out) / 2
    std = math.sqrt((2 if init.startswith("he") else 1) / max(fan, 1))
    if init.endswith("normal"):
        _core.fill_normal(weight, seed, _STREAM + index, 0.0, std)
    else:
        limit = math.sqrt(3) * std
        _core.fill_uniform(weight, seed, _STREAM + index, -limit, limit)
