"""Threshold and rank pruning of arrays: exact against plain NumPy, on every instruction set and thread count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

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
