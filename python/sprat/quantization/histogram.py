"""Counts of numbers on a grid that grows with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._check import check_count

_LOWEST_EXPONENT = -1074  # of the smallest float64: the width while there is nothing but 0


class Histogram:
    """Streaming counts in bins of equal width, the width a power of two, bin borders at its multiples.

    When a batch does not fit, bins are joined in pairs until it does; since borders stay on the grid no number ever
    has to be split over two bins. So the counts depend on the numbers alone, not on how they came in batches.

    Parameters
    ----------
    bins : int
        At most so many bins; at least half of them span what was seen, and 0. The default leaves eight bins to one
        step of an 8-bit code.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import Histogram
    >>> histogram = Histogram(bins=4)
    >>> histogram.add(np.float32([0.0, 1.5, 2.0]))
    >>> histogram.add(np.float32([7.0]))
    >>> histogram.width, histogram.low, histogram.counts.tolist()
    (2.0, 0.0, [2, 1, 0, 1])
    """

    def __init__(self, bins: int = 2048) -> None:
        self.bins = check_count("bins", bins, 2)
        self.counts: NDArray[np.int64] = np.zeros(1, np.int64)
        self.min = 0.0  # the range counted so far, and 0
        self.max = 0.0
        self._exponent = _LOWEST_EXPONENT  # width = 2 ** exponent
        self._first = 0  # bin i holds [first + i, first + i + 1) * width

    @property
    def width(self) -> float:
        """Of one bin."""
        return float(np.ldexp(1.0, self._exponent))

    @property
    def low(self) -> float:
        """Lower border of the first bin."""
        return self._first * self.width

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    def centers(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        return np.asarray((self._first + 0.5 + np.arange(self.counts.size)) * self.width)

    def add(self, x: NDArray[Any]) -> None:
        """Count the elements of an array of finite numbers."""
        if x.size == 0:
            return
        values = x.astype(np.float64).ravel()
        self.min, self.max = min(self.min, float(values.min())), max(self.max, float(values.max()))
        self._widen()
        indices = np.floor(np.ldexp(values, -self._exponent)).astype(np.int64) - self._first
        self.counts += np.bincount(indices, minlength=self.counts.size)

    def _bin(self, value: float, exponent: int) -> int:
        return int(np.floor(np.ldexp(value, -exponent)))

    def _widen(self) -> None:
        """The narrowest bins that hold the range, with the counts so far in them."""
        span = self.max / self.bins - self.min / self.bins
        exponent = int(np.frexp(span)[1]) - 1 if span > 0 else _LOWEST_EXPONENT
        exponent = max(exponent, _LOWEST_EXPONENT)
        while self._bin(self.max, exponent) - self._bin(self.min, exponent) >= self.bins:
            exponent += 1
        first, last = self._bin(self.min, exponent), self._bin(self.max, exponent)
        counts = np.zeros(last - first + 1, np.int64)
        old = (self._first + np.arange(self.counts.size)) >> min(exponent - self._exponent, 63)
        np.add.at(counts, old - first, self.counts)
        self.counts, self._first, self._exponent = counts, first, exponent
