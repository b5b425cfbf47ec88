"""Pruning and counting on the device: what the CPU library does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

SIZES = [0, 1, 3, 5, 2047, 2049, 6001]


def weights(n: int, dtype: Any, seed: int = 0) -> np.ndarray:
    """With ties, zeros of both signs, a NaN and an infinity."""
    rng = np.random.default_rng(seed + n)
    x = rng.standard_normal(n).astype(dtype)
    x[::5] = np.round(x[::5] * 4) / 4
    if n > 40:
        x[[7, 9, 11, 13]] = np.nan, np.inf, -0.0, 0.0
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.7, 1e300, 1e-320])
def test_threshold(device: Device, dtype: Any, threshold: float) -> None:
    for n in SIZES:
        for offset in (0, 3):
            x = weights(n, dtype)
            at, at_mask = device.put(x, offset * x.itemsize), device.put(np.full(n, 7, np.uint8), offset)
            mask = np.empty(n, np.uint8)
            count = _core.prune_threshold(x, threshold, mask)
            assert device.native.prune_threshold(x.dtype.name, at, at_mask, n, threshold) == count
            assert_same_bits(device.get(at, x), x)
            assert_same_bits(device.get(at_mask, mask), mask)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [[1], [6001], [5, 0, 4097, 33, 2048], [17] * 150], ids=["1", "6001", "some", "many"])
def test_smallest_of_several_arrays(device: Device, order: str, dtype: Any, sizes: list[int]) -> None:
    """Exactly so many, ties in the order of the arrays: from none to all that are no NaN."""
    total = sum(sizes)
    finite = total - sum(int(np.isnan(weights(n, dtype)).sum()) for n in sizes)
    for count in sorted({0, 1, total // 3, total // 2, total // 2 + 1, finite - 1, finite} & set(range(total + 1))):
        arrays = [weights(n, dtype) for n in sizes]
        masks = [np.empty(n, np.uint8) for n in sizes]
        there = [(device.put(x), device.put(np.full(x.size, 7, np.uint8)), x.size) for x in arrays]
        threshold = _core.prune_smallest(arrays, count, masks)
        assert device.native.prune_smallest(np.dtype(dtype).name, there, count) == threshold
        for x, mask, (at, at_mask, _) in zip(arrays, masks, there, strict=True):
            assert_same_bits(device.get(at, x), x)
            assert_same_bits(device.get(at_mask, mask), mask)


def test_nothing_but_ties(device: Device, order: str) -> None:
    """The first go; without a mask."""
    for value in (0.0, 1.5):
        for count in (1, 255, 256, 2048, 2049, 4999):
            x = np.full(5000, value, np.float32)
            x[1::2] *= -1
            at = device.put(x)
            _core.prune_smallest([x], count, [np.empty(5000, np.uint8)])
            device.native.prune_smallest("float32", [(at, 0, x.size)], count)
            assert_same_bits(device.get(at, x), x)


def test_too_many_changes_nothing(device: Device) -> None:
    x = weights(100, np.float64)
    at = device.put(x)
    with pytest.raises(ValueError, match="there are not 100 elements that are not NaN"):
        device.native.prune_smallest("float64", [(at, 0, 100)], 100)
    with pytest.raises(ValueError, match="count: wanted 0 to 100, got 101"):
        device.native.prune_smallest("float64", [(at, 0, 100)], 101)
    with pytest.raises(ValueError, match="threshold: wanted a number of at least 0"):
        device.native.prune_threshold("float64", at, 0, 100, -1.0)
    assert_same_bits(device.get(at, x), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_count_nonfinite(device: Device, order: str, dtype: Any) -> None:
    x = weights(9001, dtype)
    x[::97] = -np.inf
    mask = (np.arange(9001) % 3 > 0).astype(np.uint8)
    bad = ~np.isfinite(x)
    native, at = device.native, device.put(x)
    assert native.count_nonfinite(x.dtype.name, at, 0, x.size) == bad.sum()
    assert native.count_nonfinite(x.dtype.name, at, device.put(mask), x.size) == (bad & (mask == 1)).sum()
    assert native.count_nonfinite(x.dtype.name, 0, 0, 0) == 0
