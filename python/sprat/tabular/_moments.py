"""Mean and standard deviation whose bits depend on the values alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_LANES = 1024


def fixed_sum(values: NDArray[np.float64]) -> float:
    """Sum of (n,) values in a fixed order: 1024 running sums, then halves added to halves.

    Only elementwise additions, so every machine and every NumPy gives the same bits.

    >>> fixed_sum(np.array([1.0, 2.0, 3.5]))
    6.5
    """
    lanes = np.zeros(_LANES)
    for start in range(0, len(values), _LANES):
        block = values[start : start + _LANES]
        lanes[: len(block)] += block
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = lanes[:half] + lanes[half:]
    return float(lanes[0])


def mean_and_scale(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and population standard deviation of (n,) finite values, n >= 1; a constant gives scale 1.

    Raises OverflowError if they are beyond float64.

    >>> mean_and_scale(np.array([1.0, 3.0])), mean_and_scale(np.array([0.1, 0.1, 0.1]))
    ((2.0, 1.0), (0.1, 1.0))
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean = fixed_sum(values) / len(values)
        deviation = values - mean
        largest = float(np.abs(deviation).max())  # keeps the squares from under- and overflowing
        deviation /= largest
        scale = largest * math.sqrt(fixed_sum(deviation * deviation) / len(values))
    if not (math.isfinite(mean) and math.isfinite(scale)):
        raise OverflowError("mean or standard deviation beyond float64")
    return mean, scale or 1.0
