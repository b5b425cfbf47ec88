"""Observers against their equations in plain Python, and however the numbers are cut into batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sprat.quantization import MSE, Entropy, Histogram, MinMax, MovingAverage, Observer, Percentile, observers
from support import assert_same_bits

MAKERS: list[type[Observer]] = [MinMax, Percentile, MSE, Entropy]


def samples(kind: str, n: int = 3000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = {
        "normal": rng.standard_normal(n),
        "relu": np.maximum(rng.standard_normal(n), 0),
        "outliers": np.concatenate([rng.standard_normal(n - 2), [60, -55]]),
        "shifted": rng.uniform(3, 4, n),
        "negative": -rng.exponential(2, n),
        "constant": np.full(n, 0.25),
        "zero": np.zeros(n),
        "tiny": rng.standard_normal(n) * 1e-42,
        "huge": rng.standard_normal(n) * 1e37,
    }[kind]
    return x.astype(np.float32)


KINDS = ["normal", "relu", "outliers", "shifted", "negative", "constant", "zero", "tiny", "huge"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("maker", [*MAKERS, MovingAverage])
def test_range_is_within_what_was_seen(maker: type[Observer], kind: str) -> None:
    x = samples(kind)
    observer = maker()
    observer.observe(x)
    low, high = observer.range()
    assert min(x.min(), 0) <= low <= high <= max(x.max(), 0)
    scale, zero = observer.qparams()
    assert np.isfinite(scale)
    assert scale > 0
    assert zero.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("maker", MAKERS)
def test_batches_do_not_matter(maker: type[Observer], kind: str) -> None:
    x = samples(kind)
    whole, parts, reversed_parts = maker(), maker(), maker()
    whole.observe(x)
    cuts = [0, 1, 2, 50, 51, 1000, 3000]
    pieces = [x[a:b] for a, b in itertools.pairwise(cuts)]
    for piece in pieces:
        parts.observe(piece)
    for piece in reversed(pieces):
        reversed_parts.observe(piece)
    for other in (parts, reversed_parts):
        for a, b in zip(whole.range(), other.range(), strict=True):
            assert_same_bits(a, b)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("maker", [*MAKERS, MovingAverage])
def test_per_channel_is_each_channel_alone(maker: type[Observer], axis: int) -> None:
    x = samples("normal", 480).reshape(4, 5, 24)
    few: dict[str, Any] = {"bins": 300} if issubclass(maker, (Percentile, MSE, Entropy)) else {}
    observer = maker(axis=axis, **few)
    observer.observe(x)
    observer.observe(x * 2)
    low, high = observer.range()
    for channel in range(x.shape[axis]):
        alone = maker(**few)
        part = np.take(x, channel, axis)
        alone.observe(part)
        alone.observe(part * 2)
        assert_same_bits(low[channel], alone.range()[0])
        assert_same_bits(high[channel], alone.range()[1])
    scale, zero = observer.qparams("int8", symmetric=True)
    assert scale.shape == (x.shape[axis],)
    assert not zero.any()


def test_moving_average_equation() -> None:
    observer = MovingAverage(averaging=0.25)
    low, high = np.nan, np.nan
    for i, batch in enumerate(np.float32([[-1, 2], [-3, 1], [0, 5]])):
        observer.observe(batch)
        low = float(batch.min()) if i == 0 else low + 0.25 * (float(batch.min()) - low)
        high = float(batch.max()) if i == 0 else high + 0.25 * (float(batch.max()) - high)
    assert [float(v) for v in observer.range()] == [low, high]


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.0, 99.9, 100.0])
def test_percentile_equation(percentile: float) -> None:
    x = samples("normal", 20000)
    observer = Percentile(percentile)
    observer.observe(x)
    tail = (100 - percentile) / 2
    wanted = np.percentile(x.astype(np.float64), [tail, 100 - tail])
    bin_width = 2 * (x.max() - x.min()) / 2048
    np.testing.assert_allclose(observer.range(), wanted, atol=2 * bin_width)


def quantization_error(x: np.ndarray, low: float, high: float, levels: int = 256) -> float:
    x = x.astype(np.float64)
    scale = (high - low) / (levels - 1)
    zero = np.clip(np.rint(-low / scale), 0, levels - 1)
    codes = np.clip(np.rint(x / scale) + zero, 0, levels - 1)
    return float(np.mean(np.square(x - (codes - zero) * scale)))


@pytest.mark.parametrize("kind", ["normal", "relu", "outliers", "negative"])
@pytest.mark.parametrize("levels", [256, 16])
def test_mse_is_better_than_the_full_range(kind: str, levels: int) -> None:
    x = samples(kind, 20000)
    observer = MSE(quant_levels=levels)
    observer.observe(x)
    low, high = (float(v) for v in observer.range())
    full = quantization_error(x, min(float(x.min()), 0), max(float(x.max()), 0), levels)
    found = quantization_error(x, low, high, levels)
    assert found <= full * 1.02  # the search sees bin centers, not the numbers
    for share in (0.9, 1.1):  # the neighbourhood is no better
        assert found <= quantization_error(x, low * share, high * share, levels) * 1.05
    if kind == "outliers":
        assert found < full / 2 or levels == 256


def smooth(counts: list[float]) -> list[float]:
    """A ten-thousandth of a count in every empty bin, the total as before."""
    empty = sum(1 for count in counts if count == 0)
    keep = 1 - 1e-4 * empty / sum(counts)
    return [count * keep if count > 0 else 1e-4 for count in counts]


def plain_entropy(x: np.ndarray, width: float, levels: int) -> float:
    """Migacz 2017 in loops: the threshold with the least divergence."""
    counts: list[float] = []
    for value in np.abs(x.astype(np.float64)):
        index = int(value // width)
        counts += [0.0] * (index + 1 - len(counts))
        counts[index] += 1
    if len(counts) > 1:
        counts[0] = min(counts[0], counts[1])
    best = (np.inf, 0)
    for size in range(levels, len(counts) + 1):
        p = counts[:size]
        q = [0.0] * size
        for level in range(levels):
            members = [i for i in range(size) if i * levels // size == level]
            full = [i for i in members if counts[i] > 0]
            for i in full:
                q[i] = sum(counts[j] for j in members) / len(full)
        p[-1] += sum(counts[size:])
        p, q = smooth(p), smooth(q)
        divergence = sum(a / sum(p) * np.log((a / sum(p)) / (b / sum(q))) for a, b in zip(p, q, strict=True) if a > 0)
        best = min(best, (divergence, size))
    return best[1] * width


@pytest.mark.parametrize("kind", ["relu", "normal"])
def test_entropy_equation(kind: str) -> None:
    x = samples(kind, 400)
    observer = Entropy(bins=64, quant_levels=16)
    observer.observe(x)
    histogram = Histogram(64)
    histogram.add(x)
    threshold = plain_entropy(x, histogram.width, 16 if kind == "relu" else 8)
    low, high = observer.range()
    assert high == np.float32(min(threshold, x.max()))
    assert low == np.float32(max(-threshold, min(x.min(), 0)))


def test_outliers_cost_only_minmax_its_resolution() -> None:
    x = samples("outliers", 20000)
    widths = {}
    for name, pattern in {"minmax": "minmax", "percentile": Percentile(99.9), "entropy": "entropy"}.items():
        observer = observers.make(pattern)
        observer.observe(x)
        low, high = observer.range()
        widths[name] = float(high - low)
    assert widths["minmax"] > 110
    assert widths["percentile"] < 15
    assert widths["entropy"] <= 16  # 128 bins on either side: as narrow as it can


numbers = st.floats(-(2.0**100), 2.0**100, width=32)


@given(hnp.arrays(np.float32, st.integers(1, 60), elements=numbers), st.integers(2, 50), st.integers(0, 60))
def test_histogram_counts_every_number_in_its_bin(x: np.ndarray, bins: int, cut: int) -> None:
    histogram = Histogram(bins)
    histogram.add(x[:cut])
    histogram.add(x[cut:])
    assert histogram.total == x.size
    assert histogram.counts.size <= bins
    assert np.log2(histogram.width) % 1 == 0
    borders = histogram.low + np.arange(histogram.counts.size + 1) * histogram.width
    wanted = [int(((x >= a) & (x < b)).sum()) for a, b in itertools.pairwise(borders)]
    assert histogram.counts.tolist() == wanted
    at_once = Histogram(bins)
    at_once.add(x)
    assert (at_once.width, at_once.low) == (histogram.width, histogram.low)
    assert at_once.counts.tolist() == histogram.counts.tolist()


def test_refusals() -> None:
    observer = MinMax(axis=1)
    observer.observe(np.float32([[1, 2]]))
    with pytest.raises(ValueError, match=r"^x: wanted 2 channels along axis 1, got 3"):
        observer.observe(np.float32([[1, 2, 3]]))
    with pytest.raises(ValueError, match=r"^x: wanted finite numbers, 1 of 2"):
        observer.observe(np.float32([[1, np.nan]]))
    assert observer.range()[1].tolist() == [1, 2]
    with pytest.raises(ValueError, match="nothing was observed"):
        MinMax().range()
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: Percentile(0), "percentile: wanted"),
        (lambda: MovingAverage(2.0), "averaging: wanted"),
        (lambda: MSE(bins=1), "bins: wanted"),
        (lambda: observers.make("best"), "observer: wanted one of"),
        (lambda: observers.make(observer), "observer: wanted one that has observed nothing"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match="^" + message):
            call()


def test_empty_batches_change_nothing() -> None:
    observer = MinMax()
    observer.observe(np.empty((0, 3), np.float32))
    with pytest.raises(ValueError, match="nothing was observed"):
        observer.range()
