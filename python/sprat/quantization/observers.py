"""Observers: which range of numbers the codes shall cover, from batches that stream by.

An observer looks at every batch and at the end names a range, from which :func:`choose_qparams` makes scale and zero
point. All but :class:`MovingAverage` give the same range however the numbers are cut into batches.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import _check
from .histogram import Histogram
from .qparams import choose_qparams, value_range

__all__ = ["MSE", "Entropy", "MinMax", "MovingAverage", "Observer", "Percentile", "make"]

Real = NDArray[Any]


class Observer(ABC):
    """What every observer does.

    Parameters
    ----------
    axis : int, optional
        Axis of the channels, each with a range of its own; ``None``: one range.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import MinMax, Observer
    >>> observer: Observer = MinMax()
    >>> for batch in np.float32([[-1, 2], [0, 3]]):
    ...     observer.observe(batch)
    >>> scale, zero_point = observer.qparams("uint8")
    >>> float(scale), int(zero_point)
    (0.01568627543747425, 64)
    """

    def __init__(self, *, axis: int | None = None) -> None:
        self.axis = axis
        self._channels = 0  # of what was observed
        self._low: Real = np.empty(0)
        self._high: Real = np.empty(0)

    @property
    def observed(self) -> bool:
        """Whether there was a batch yet."""
        return self._channels > 0

    def observe(self, x: ArrayLike) -> None:
        """Take a batch of finite numbers into account. Empty batches change nothing.

        Raises
        ------
        ValueError
            If a number is NaN or infinite, or the number of channels changed; the observer is then as before.
        """
        real = _check.real_array("x", x)
        if real.size == 0:
            return
        low, high = value_range(real, self.axis)  # refuses what is not finite
        channels = 1 if self.axis is None else real.shape[self.axis]
        if self.observed and channels != self._channels:
            raise ValueError(f"x: wanted {self._channels} channels along axis {self.axis}, got {channels}")
        self._channels = channels
        rows = real.reshape(1, -1) if self.axis is None else np.moveaxis(real, self.axis, 0).reshape(channels, -1)
        self._update(rows, low.reshape(-1).astype(np.float64), high.reshape(-1).astype(np.float64))

    @abstractmethod
    def _update(self, rows: Real, low: Real, high: Real) -> None:
        """A batch as (channels, numbers), and each channel's range."""

    @abstractmethod
    def _range(self) -> tuple[Real, Real]:
        """Lower and upper end for each channel."""

    def range(self) -> tuple[Real, Real]:
        """The range to cover: two float32 arrays of shape () or (channels,)."""
        if not self.observed:
            raise ValueError("observer: nothing was observed yet")
        shape = () if self.axis is None else (self._channels,)
        low, high = self._range()
        return low.astype(np.float32).reshape(shape), high.astype(np.float32).reshape(shape)

    def qparams(self, dtype: DTypeLike = "uint8", symmetric: bool = False) -> tuple[Real, Real]:
        """Scale and zero point for the range; see :func:`choose_qparams`."""
        return choose_qparams(*self.range(), dtype, symmetric)


class MinMax(Observer):
    """From the smallest number seen to the largest. Nothing saturates; one outlier costs all others resolution.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import MinMax
    >>> observer = MinMax(axis=0)
    >>> observer.observe(np.float32([[1, 2], [-3, 0]]))
    >>> low, high = observer.range()
    >>> low.tolist(), high.tolist()
    ([1.0, -3.0], [2.0, 0.0])
    """

    def _update(self, rows: Real, low: Real, high: Real) -> None:
        first = self._low.size == 0
        self._low = low if first else np.minimum(self._low, low)
        self._high = high if first else np.maximum(self._high, high)

    def _range(self) -> tuple[Real, Real]:
        return self._low, self._high


class MovingAverage(Observer):
    """Exponential moving averages of each batch's smallest and largest number.

    ``low += averaging * (batch_min - low)``, likewise ``high``; the first batch is taken as it is (Jacob et al. 2018,
    section 3.1; torch's MovingAverageMinMaxObserver). Follows activations while training moves them.

    Parameters
    ----------
    averaging : float
        Weight of the newest batch, in (0, 1]; the default is torch's.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import MovingAverage
    >>> observer = MovingAverage(averaging=0.5)
    >>> observer.observe(np.float32([0, 1]))
    >>> observer.observe(np.float32([0, 3]))
    >>> float(observer.range()[1])
    2.0
    """

    def __init__(self, averaging: float = 0.01, *, axis: int | None = None) -> None:
        super().__init__(axis=axis)
        self.averaging = _check.check_number("averaging", averaging, 0.0, 1.0, open_low=True)

    def state_dict(self) -> dict[str, list[float]]:
        """The averages so far, empty before the first batch."""
        return {"low": self._low.tolist(), "high": self._high.tolist()} if self.observed else {}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Go on from what ``state_dict`` gave."""
        if state:
            self._low, self._high = np.array(state["low"]), np.array(state["high"])
            self._channels = self._low.size

    def _update(self, rows: Real, low: Real, high: Real) -> None:
        first = self._low.size == 0
        self._low = low if first else self._low + self.averaging * (low - self._low)
        self._high = high if first else self._high + self.averaging * (high - self._high)

    def _range(self) -> tuple[Real, Real]:
        return self._low, self._high


class _HistogramObserver(Observer):
    """Counts every number, and looks for the range at the end."""

    def __init__(self, *, bins: int = 2048, axis: int | None = None) -> None:
        super().__init__(axis=axis)
        self.bins = _check.check_count("bins", bins, 2)
        self._histograms: list[Histogram] = []

    def _update(self, rows: Real, low: Real, high: Real) -> None:
        first = self._low.size == 0
        if first:
            self._histograms = [Histogram(self.bins) for _ in rows]
        self._low = low if first else np.minimum(self._low, low)
        self._high = high if first else np.maximum(self._high, high)
        for histogram, row in zip(self._histograms, rows, strict=True):
            histogram.add(row)

    def _range(self) -> tuple[Real, Real]:
        found = [
            self._search(histogram, min(float(low), 0.0), max(float(high), 0.0))
            for histogram, low, high in zip(self._histograms, self._low, self._high, strict=True)
        ]
        low, high = np.array(found).T
        return low, high

    @abstractmethod
    def _search(self, histogram: Histogram, low: float, high: float) -> tuple[float, float]:
        """The range for one channel, whose numbers and 0 lie in [low, high]."""


class Percentile(_HistogramObserver):
    """The range that holds a share of all numbers; what lies beyond it, equally much on either side, saturates.

    The numbers of a bin count as spread evenly over it, so an end is exact to a bin (1/1024 of the range or less).

    Parameters
    ----------
    percentile : float
        Per cent of the numbers within the range, in (0, 100]. The default gives up one number in ten thousand.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import Percentile
    >>> observer = Percentile(90)
    >>> observer.observe(np.arange(1000, dtype=np.float32))
    >>> float(observer.range()[1])
    950.0
    """

    def __init__(self, percentile: float = 99.99, *, bins: int = 2048, axis: int | None = None) -> None:
        super().__init__(bins=bins, axis=axis)
        self.percentile = _check.check_number("percentile", percentile, 0.0, 100.0, open_low=True)

    def _search(self, histogram: Histogram, low: float, high: float) -> tuple[float, float]:
        below = np.concatenate([[0], np.cumsum(histogram.counts)])
        borders = histogram.low + np.arange(below.size) * histogram.width
        tail = histogram.total * (1 - self.percentile / 100) / 2
        lower, upper = np.interp([tail, histogram.total - tail], below, borders)
        return max(low, float(lower)), min(high, float(upper))


class MSE(_HistogramObserver):
    """The range with the least mean squared error of ``dequantize(quantize(x))``.

    ``sum over bins of count * (center - dequantize(quantize(center)))^2``, minimised over the share of the full range
    kept on each side in turn (a hundred steps; Choukroun et al. 2019, "Low-bit Quantization of Neural Networks for
    Efficient Inference"). Weighs what saturates against what rounding loses.

    Parameters
    ----------
    bins : int
        Of the histogram.
    steps : int
        Candidates on each side.
    quant_levels : int
        Number of codes; 256 for 8 bits.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import MSE
    >>> observer = MSE(quant_levels=16)
    >>> observer.observe(np.float32([*np.linspace(0, 1, 10000), 2]))
    >>> bool(observer.range()[1] < 1.5)  # one outlier is not worth twice the error of all others
    True
    """

    def __init__(self, *, bins: int = 2048, steps: int = 100, quant_levels: int = 256, axis: int | None = None) -> None:
        super().__init__(bins=bins, axis=axis)
        self.steps = _check.check_count("steps", steps)
        self.quant_levels = _check.check_count("quant_levels", quant_levels, 2)

    def _search(self, histogram: Histogram, low: float, high: float) -> tuple[float, float]:
        used = np.flatnonzero(histogram.counts)
        centers = np.clip(histogram.centers()[used], low, high)
        counts = histogram.counts[used]
        shares = np.arange(self.steps, 0, -1) / self.steps  # the full range first: it wins ties

        def error(low: float, high: float) -> float:
            scale = (high - low) / (self.quant_levels - 1)
            if scale == 0:
                return float(counts @ np.square(centers))
            zero = np.clip(np.rint(-low / scale), 0, self.quant_levels - 1)
            codes = np.clip(np.rint(centers / scale) + zero, 0, self.quant_levels - 1)
            return float(counts @ np.square(centers - (codes - zero) * scale))

        best_low, best_high = low, high
        for _ in range(2):
            best_high = min((high * share for share in shares), key=lambda candidate: error(best_low, candidate))
            best_low = min((low * share for share in shares), key=lambda candidate: error(candidate, best_high))
        return best_low, best_high


class Entropy(_HistogramObserver):
    """The range that loses the least information: least Kullback-Leibler divergence of the quantized distribution.

    For each candidate threshold T, P is the histogram of ``|x|`` up to T with all beyond T in its last bin, and Q the
    same numbers (without those beyond T) in as many levels as there are codes, each level spread evenly over those
    of its bins that are not empty. T minimises ``sum P log(P / Q)`` (Migacz 2017, TensorRT's calibrator; as in
    onnxruntime, from which the smoothing of empty bins comes too). The many zeros behind a rectifier cost nothing in any code: the first bin counts no more than the
    second (as in NVIDIA's pytorch-quantization).

    Parameters
    ----------
    bins : int
        Of the histogram.
    quant_levels : int
        Number of codes, 256 for 8 bits; half of them for magnitudes when there are numbers on both sides of 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import Entropy
    >>> observer = Entropy()
    >>> observer.observe(np.random.default_rng(0).standard_normal(20000).astype(np.float32))
    >>> bool(2 < observer.range()[1] < 4)
    True
    """

    def __init__(self, *, bins: int = 2048, quant_levels: int = 256, axis: int | None = None) -> None:
        super().__init__(bins=bins, axis=axis)
        self.quant_levels = _check.check_count("quant_levels", quant_levels, 4)

    def _search(self, histogram: Histogram, low: float, high: float) -> tuple[float, float]:
        borders = np.rint(np.abs(histogram.centers()) / histogram.width - 0.5).astype(np.int64)
        counts = np.bincount(borders, weights=histogram.counts).astype(np.float64)  # of |x|, by bin
        if counts.size > 1:
            counts[0] = min(counts[0], counts[1])
        levels = self.quant_levels // 2 if low < 0 < high else self.quant_levels
        divergences = [_divergence(counts, size, levels) for size in range(levels, counts.size + 1)]
        if not divergences:
            return low, high  # fewer bins than codes: nothing to gain
        threshold = (levels + int(np.argmin(divergences))) * histogram.width
        return max(low, -threshold), min(high, threshold)


def _divergence(counts: Real, size: int, levels: int) -> float:
    """KL(P || Q) for the first ``size`` bins in ``levels`` levels."""
    kept = counts[:size]
    p = kept.copy()
    p[-1] += counts[size:].sum()
    level = np.arange(size) * levels // size
    full = kept > 0
    sums = np.bincount(level, weights=kept, minlength=levels)
    filled = np.bincount(level, weights=full, minlength=levels)
    q = np.where(full, (sums / np.maximum(filled, 1))[level], 0.0)
    if not p.any() or not q.any():
        return float("inf")
    p, q = _smooth(p), _smooth(q)
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))


def _smooth(counts: Real) -> Real:
    """Empty bins get a ten-thousandth of a count, taken from the others: a logarithm of 0 would decide alone."""
    empty = counts == 0
    return np.where(empty, 1e-4, counts * (1 - 1e-4 * empty.sum() / counts.sum()))


_BY_NAME: dict[str, type[Observer]] = {
    "minmax": MinMax,
    "moving_average": MovingAverage,
    "percentile": Percentile,
    "mse": MSE,
    "entropy": Entropy,
}


def make(observer: str | Observer | Callable[[], Observer]) -> Observer:
    """A fresh observer: by name, like the (unused) one given, or from a function that makes one.

    >>> from sprat.quantization import Percentile, observers
    >>> observers.make("mse"), observers.make(Percentile(99.9)).percentile
    (<sprat.quantization.observers.MSE object at ...>, 99.9)
    """
    if isinstance(observer, Observer):
        if observer.observed:
            raise ValueError("observer: wanted one that has observed nothing yet")
        return copy.deepcopy(observer)
    if isinstance(observer, str):
        return _BY_NAME[_check.check_choice("observer", observer, _BY_NAME)]()
    made = observer()
    if not isinstance(made, Observer):
        raise TypeError(f"observer: wanted a function that makes an Observer, it made a {type(made).__name__}")
    return made
