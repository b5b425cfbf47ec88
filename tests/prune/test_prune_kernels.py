"""Threshold and rank pruning of arrays: exact against plain NumPy, on every instruction set and thread count."""

from __future__ import annotations

import ctypes
import platform
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sprat
from reference import prune as reference
from sprat import _core
from support import assert_same_bits, assert_same_everywhere, misaligned, unchanged

SIZES = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 1000]
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_threshold(isa: str, dtype: type, size: int, rng: np.random.Generator) -> None:
    x = rng.normal(size=size).astype(dtype)
    wanted, wanted_mask = reference.threshold(x, 0.5)
    mask = np.full(size, 7, np.uint8)
    assert _core.prune_threshold(x, 0.5, mask) == size - wanted_mask.sum()
    assert_same_bits(x, wanted)
    assert_same_bits(mask, wanted_mask)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threshold_of_special_values(isa: str, dtype: type) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324], dtype)
    for t in (0.0, 1e-30, 1.0, 1.5):
        wanted, wanted_mask = reference.threshold(x, t)
        y, mask = x.copy(), np.zeros(x.size, np.uint8)
        _core.prune_threshold(y, t, mask)
        assert_same_bits(y, wanted)
        assert_same_bits(mask, wanted_mask)


@given(
    hnp.arrays(np.float32, st.integers(0, 200), elements=st.floats(-4, 4, width=16)),
    hnp.arrays(np.float32, st.integers(0, 50), elements=st.sampled_from([-1.0, 0.0, -0.0, 1.0, 0.5])),
    st.floats(0, 1),
)
def test_smallest_with_ties(a: np.ndarray, b: np.ndarray, share: float) -> None:
    count = round(share * (a.size + b.size))
    wanted, wanted_masks = reference.smallest([a, b], count)
    masks = [np.zeros(a.size, np.uint8), np.zeros(b.size, np.uint8)]
    a, b = a.copy(), b.copy()
    _core.prune_smallest([a, b], count, masks)
    for got, want in zip([a, b, *masks], wanted + wanted_masks, strict=True):
        assert_same_bits(np.asarray(got) + 0.0 if got.dtype != np.uint8 else got,
                         np.asarray(want) + 0.0 if want.dtype != np.uint8 else want)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_smallest_over_magnitudes_of_every_size(dtype: type, share: float, rng: np.random.Generator) -> None:
    """Exponents over the whole range, so that every digit of the radix selection decides somewhere."""
    x = (rng.normal(size=5000) * 10.0 ** rng.integers(-37, 37, 5000)).astype(dtype)
    x[::7] *= dtype(1e-7)
    count = round(share * x.size)
    (wanted,), (wanted_mask,) = reference.smallest([x], count)
    y, mask = x.copy(), np.zeros(x.size, np.uint8)
    bound = _core.prune_smallest([y], count, [mask])
    assert_same_bits(y, wanted)
    assert_same_bits(mask, wanted_mask)
    assert bound == (np.sort(np.abs(x))[count - 1] if count else 0)


def test_neighbouring_doubles_are_told_apart() -> None:
    """Only the last bits differ: the digit of the last pass, which overlaps the one before, must be exact."""
    x = (np.float64(1.0).view(np.int64) + np.random.default_rng(0).permutation(4096)).view(np.float64)
    for count in (1, 2, 511, 512, 513, 2047, 2048, 2049, 4095):
        y = x.copy()
        bound = _core.prune_smallest([y], count, [None])
        assert bound == np.sort(x)[count - 1]
        assert np.count_nonzero(y) == x.size - count


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_everywhere(dtype: type, rng: np.random.Generator) -> None:
    x = rng.normal(size=200_003).astype(dtype)

    def compute() -> list[np.ndarray]:
        a, b, c = x.copy(), x.copy(), x[::2].copy()
        masks = [np.zeros(v.size, np.uint8) for v in (a, b, c)]
        _core.prune_threshold(a, 0.7, masks[0])
        _core.prune_smallest([b, c], 123_456, masks[1:])
        return [a, b, c, *masks]

    assert_same_everywhere(compute)


def test_refused_calls_change_nothing(rng: np.random.Generator) -> None:
    x = rng.normal(size=10).astype(np.float32)
    mask = np.zeros(10, np.uint8)
    check = unchanged(x, mask)
    with pytest.raises(ValueError, match="^threshold: wanted a number of at least 0, got -1$"):
        _core.prune_threshold(x, -1.0, mask)
    with pytest.raises(ValueError, match="^threshold: wanted a number of at least 0, got nan$"):
        _core.prune_threshold(x, float("nan"), mask)
    with pytest.raises(ValueError, match="^count: wanted 0 to 10, got 11$"):
        _core.prune_smallest([x], 11, [mask])
    with pytest.raises(ValueError, match="mask"):
        _core.prune_threshold(x, 0.5, mask[:9])
    with pytest.raises((TypeError, ValueError), match="^arrays"):
        _core.prune_smallest([x, x[2:5]], 3, [None, None])
    with pytest.raises(ValueError, match="^x"):
        _core.prune_threshold(misaligned(x), 0.5, None)
    for bad in (x[::2], x.astype(">f4"), x.astype(np.int32), [1.0, 2.0]):
        with pytest.raises((TypeError, ValueError), match="^x"):
            _core.prune_threshold(bad, 0.5, None)
    x.flags.writeable = False
    with pytest.raises((TypeError, ValueError), match="^x"):
        _core.prune_threshold(x, 0.5, mask)
    check()


def test_too_many_nans(rng: np.random.Generator) -> None:
    x = np.array([1.0, np.nan, np.nan], np.float32)
    check = unchanged(x)
    with pytest.raises(ValueError, match="^count: there are not 2 elements that are not NaN$"):
        _core.prune_smallest([x], 2, [None])
    check()
    _core.prune_smallest([x], 1, [None])
    assert x[0] == 0
    assert np.isnan(x[1:]).all()


def hard_cases(dtype: type, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What a sample of the elements does not see, or is misled by."""
    n = 30_000
    normal = rng.normal(size=n)
    tied = np.where(rng.random(n) < 0.8, 0.0, normal)
    outliers = normal.copy()
    outliers[::64] *= 1e20
    infinite = np.where(rng.random(n) < 0.3, np.inf, normal)
    return {
        "normal": normal.astype(dtype),
        "sorted": np.sort(normal).astype(dtype),
        "all equal": np.full(n, -3.5, dtype),
        "few values": rng.integers(-3, 4, n).astype(dtype),
        "mostly zeros": tied.astype(dtype),
        "signed zeros": np.where(rng.random(n) < 0.5, 0.0, -0.0).astype(dtype),
        "columns": outliers.astype(dtype),
        "infinities": infinite.astype(dtype),
        "one large": np.concatenate([np.full(n - 1, 1e-30), [1e30]]).astype(dtype),
        "blocks": np.repeat(rng.normal(size=30), 1000).astype(dtype),
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_ranks_that_a_sample_cannot_tell(isa: str, dtype: type, rng: np.random.Generator) -> None:
    for name, x in hard_cases(dtype, rng).items():
        for share in (1e-4, 0.2, 0.5, 0.7999, 0.8, 0.9, 0.9999):
            count = round(share * x.size)
            (wanted,), (wanted_mask,) = reference.smallest([x], count)
            y, mask = x.copy(), np.zeros(x.size, np.uint8)
            bound = _core.prune_smallest([y], count, [mask])
            assert (mask == wanted_mask).all(), (name, share)
            assert (y == wanted).all(), (name, share)
            assert bound == np.partition(np.abs(x), count - 1)[count - 1], (name, share)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_across_arrays(dtype: type, rng: np.random.Generator) -> None:
    """Which of many equal elements go depends on their order alone, wherever in an array the last one lies."""
    arrays = [rng.integers(-2, 3, size).astype(dtype) for size in (9000, 1, 0, 5000, 12_000)]
    arrays.append(np.full(7, np.nan, dtype))
    for count in (1, 4095, 4096, 4097, 9000, 12_345, 17_777, 26_001):
        wanted, wanted_masks = reference.smallest(arrays, count)
        got, masks = [a.copy() for a in arrays], [np.zeros(a.size, np.uint8) for a in arrays]
        _core.prune_smallest(got, count, masks)
        for a, b, c, d in zip(got, wanted, masks, wanted_masks, strict=True):
            assert np.array_equal(a, b, equal_nan=True)
            assert_same_bits(c, d)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_rank_everywhere(dtype: type, rng: np.random.Generator) -> None:
    cases = [*hard_cases(dtype, rng).values(), rng.normal(size=300_001).astype(dtype)]

    def compute() -> list[np.ndarray]:
        results = []
        for x in cases:
            y, mask = x.copy(), np.zeros(x.size, np.uint8)
            _core.prune_smallest([y], round(0.83 * x.size), [mask])
            results += [y, mask]
        return results

    assert_same_everywhere(compute)


@pytest.mark.parametrize("dtype", DTYPES)
def test_thresholds_are_rounded_to_the_type(isa: str, dtype: type) -> None:
    x = np.array([0.1, np.nextafter(dtype(0.1), dtype(0)), 0.0, -0.0, 5e-324, np.finfo(dtype).max, np.inf], dtype)
    for t in (0.1, -0.0, 1e-60, 5e-324, float(np.finfo(dtype).max), np.inf):
        y, mask = x.copy(), np.zeros(x.size, np.uint8)
        _core.prune_threshold(y, t, mask)
        keep = ~(np.abs(x) < dtype(t))
        assert_same_bits(mask, keep.astype(np.uint8))
        assert_same_bits(y, np.where(keep, x, dtype(0)))


def test_thresholds_beyond_float32(isa: str) -> None:
    """They stand above every finite number, and below no infinity."""
    x = np.array([1.0, np.finfo(np.float32).max, np.inf, np.nan], np.float32)
    for t in (1e39, 1e300):
        for prune in (
            lambda y, t=t: sprat.prune.threshold(y, t),
            lambda y, t=t: sprat.prune.threshold(y, np.float64(t)),
        ):
            y = x.copy()
            assert prune(y).tolist() == [0, 0, 1, 1]
            assert_same_bits(y, np.array([0, 0, np.inf, np.nan], np.float32))


ROUND_UP = {"x86_64": 0x800, "aarch64": 0x400000}.get(platform.machine())


@pytest.mark.skipif(ROUND_UP is None or sys.platform == "win32", reason="FE_UPWARD of this machine is not known here")
def test_count_in_any_rounding_mode() -> None:
    """A share of the elements is as many, whatever another library has done to the caller's floating-point mode."""
    for share, size in [(0.5, 5), (0.5, 7), (0.25, 9), (0.75, 9), (0.0, 3), (1.0, 3)]:
        x = np.arange(1.0, size + 1)
        c = ctypes.CDLL(None)
        before = c.fegetround()
        c.fesetround(ROUND_UP)
        try:
            short = _core.prune_magnitude_call(x, share)
            long = _core.prune_count(share, size)
        finally:
            c.fesetround(before)
        assert size - int(short.sum()) == long == round(share * size)


def test_short_way(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes straight to native code gives what the checking way gives, and leaves to it what may be wrong."""
    x = rng.normal(size=(30, 7)).astype(np.float32)
    for call, native, number in (
        (sprat.prune.threshold, _core.prune_threshold_call, 0.4),
        (sprat.prune.magnitude, _core.prune_magnitude_call, 0.45),
    ):
        short, long = x.copy(), x.copy()
        mask = native(short, number)
        with monkeypatch.context() as patch:
            patch.setattr(_core, native.__name__, lambda *arguments: None)
            assert_same_bits(mask, call(long, number))
        assert_same_bits(short, long)
        check = unchanged(x)
        read_only = x.copy()
        read_only.flags.writeable = False
        for bad in (x[:, ::2], x.astype(">f4"), misaligned(x), x.astype(np.int32), x.tolist(), read_only, None):
            assert native(bad, number) is None
        for bad_number in (-0.1, float("nan"), "1", None, 1, True, 2.0 if number == 0.45 else -1.0):
            assert native(x, bad_number) is None
        with pytest.raises(TypeError, match="^wanted 2 arguments, got 1$"):
            native(x)
        check()
    holes = np.array([1.0, np.nan, np.nan], np.float32)
    assert _core.prune_magnitude_call(holes, 0.9) is None
    assert holes[0] == 1
