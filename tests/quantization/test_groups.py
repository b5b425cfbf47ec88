"""Weights of four bits with a scale for each group of inputs: exact against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from reference import quantize as reference
from sprat.quantization import dequantize_groups, fake_quantize_groups, group_scales, quantize_groups
from support import assert_same_bits, assert_same_everywhere

SHAPES = [(1, 1, 32), (3, 32, 32), (5, 33, 32), (4, 100, 16), (2, 7, 3), (16, 31, 32)]


def by_hand(weight: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales, codes and values, group after group."""
    rows, columns = weight.shape
    scales = np.empty((rows, -(-columns // size)), np.float32)
    codes, values = np.empty(weight.shape, np.int8), np.empty_like(weight)
    for row in range(rows):
        for group in range(scales.shape[1]):
            part = slice(group * size, min((group + 1) * size, columns))
            largest = np.abs(weight[row, part].astype(np.float32)).max()
            scales[row, group] = largest / np.float32(7) if largest else 1
            codes[row, part] = reference.quantize(weight[row, part], scales[row, group], quant_min=-7, quant_max=7)
            values[row, part] = reference.dequantize(codes[row, part], scales[row, group], dtype=weight.dtype)
    return scales, codes, values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "columns", "size"), SHAPES)
def test_against_plain_numpy(dtype: str, rows: int, columns: int, size: int, rng: np.random.Generator) -> None:
    weight = (rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-3, 3, (rows, 1))).astype(dtype)
    weight[:, : size // 2] = 0  # in a group of one: a group of zeros
    scales, codes, values = by_hand(weight, size)
    assert_same_bits(group_scales(weight, size), scales)
    assert_same_bits(quantize_groups(weight, scales, size), codes)
    assert_same_bits(dequantize_groups(codes, scales, size, dtype=dtype), values)
    assert_same_bits(fake_quantize_groups(weight, size), values)
    out = weight.copy()
    assert fake_quantize_groups(out, size, out=out) is out
    assert_same_bits(out, values)
    assert np.abs(codes).max() <= 7


def test_fine_groups_lose_less(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(64, 512)).astype(np.float32)
    errors = [np.square(fake_quantize_groups(weight, size) - weight).mean() for size in (512, 128, 32, 8)]
    assert errors == sorted(errors, reverse=True)


def test_same_bits_everywhere(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(70, 131)).astype(np.float32)
    assert_same_everywhere(lambda: [group_scales(weight), fake_quantize_groups(weight)])


def test_refusals() -> None:
    weight = np.ones((2, 5), np.float32)
    with pytest.raises(ValueError, match=r"^weight: wanted \(out_features, in_features\), got shape \(3,\)$"):
        group_scales(np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"^weight: wanted finite numbers, 1 of"):
        group_scales(np.float32([[1, np.nan]]))
    with pytest.raises(ValueError, match=r"^group_size: wanted a whole number of at least 1, got 0$"):
        group_scales(weight, 0)
    with pytest.raises(ValueError, match=r"^scale: wanted shape \(2, 3\), one for each group, got \(2,\)$"):
        quantize_groups(weight, np.ones(2, np.float32), 2)
