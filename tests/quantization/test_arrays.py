"""quantize, dequantize, fake_quantize: the reference's bits, everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import quantize as reference
from sprat import _core
from sprat.quantization import dequantize, fake_quantize, quantize
from support import assert_same_bits, assert_same_everywhere

FORMATS = list(_core.quant_limits())
REALS = [np.float32, np.float64]
SIZES = [*range(20), 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000]


def numbers(rng: np.random.Generator, shape: Any, real: Any, spread: float = 60.0) -> np.ndarray:
    """Numbers on both sides of saturation, a quarter of them exactly at a half, with NaN, infinities and zeros."""
    x = (rng.standard_normal(shape) * spread).astype(real)
    x = np.where(rng.random(shape) < 0.25, np.rint(x) + real(0.5), x)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-40], real)
    return np.where(rng.random(shape) < 0.1, rng.choice(special, shape), x)


def test_formats() -> None:
    assert _core.quant_limits() == reference.LIMITS


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("dtype", FORMATS)
def test_per_tensor_at_every_size(rng: np.random.Generator, isa: str, dtype: str, real: Any) -> None:
    zero = {"int8": -7, "uint8": 130}[dtype]
    for n in SIZES:
        x = numbers(rng, n, real)
        q = quantize(x, 0.75, zero, dtype=dtype)
        assert_same_bits(q, reference.quantize(x, 0.75, zero, dtype=dtype))
        assert_same_bits(dequantize(q, 0.75, zero, dtype=real), reference.dequantize(q, 0.75, zero, dtype=real))
        y, inside = fake_quantize(x, 0.75, zero, dtype=dtype, return_mask=True)
        assert_same_bits(y, reference.dequantize(q, 0.75, zero, dtype=real))
        assert_same_bits(inside, reference.inside(x, 0.75, zero, None, *reference.LIMITS[dtype]))


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
def test_per_channel_along_any_axis(rng: np.random.Generator, isa: str, axis: int, dtype: str, real: Any) -> None:
    for shape in [(3, 4, 5, 6), (1, 17, 1, 33), (2, 1, 3, 1), (5, 1, 64, 2), (2, 3, 1, 65)]:
        channels = shape[axis]
        x = numbers(rng, shape, real)
        scale = rng.uniform(0.1, 2.0, channels).astype(real)
        low, high = reference.LIMITS[dtype]
        zero = rng.integers(low, high + 1, channels)
        q = quantize(x, scale, zero, axis=axis, dtype=dtype)
        assert_same_bits(q, reference.quantize(x, scale, zero, axis, dtype))
        back = reference.dequantize(q, scale, zero, axis, real)
        assert_same_bits(dequantize(q, scale, zero, axis=axis, dtype=real), back)
        y, inside = fake_quantize(x, scale, zero, axis=axis, dtype=dtype, return_mask=True)
        assert_same_bits(y, back)
        assert_same_bits(inside, reference.inside(x, scale, zero, axis, low, high))


@given(
    shape=st.lists(st.integers(0, 7), min_size=1, max_size=4).map(tuple),
    axis=st.integers(0, 3),
    seed=st.integers(0, 2**16),
)
def test_shapes(shape: tuple[int, ...], axis: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis %= len(shape)
    x = numbers(rng, shape, np.float32)
    scale = rng.uniform(0.1, 2.0, shape[axis]).astype(np.float32)
    q = quantize(x, scale, 1, axis=axis)
    assert q.shape == shape
    assert_same_bits(q, reference.quantize(x, scale, 1, axis))
    assert_same_bits(dequantize(q, scale, 1, axis=axis), reference.dequantize(q, scale, 1, axis))


@pytest.mark.parametrize("real", REALS)
def test_same_bits_everywhere(rng: np.random.Generator, real: Any) -> None:
    """Every instruction set and number of threads, for arrays that are worth threads."""
    x = numbers(rng, (3, 67, 1013), real)
    scale = rng.uniform(0.1, 2.0, 67)
    by_column = rng.uniform(0.1, 2.0, 1013)

    def compute() -> list[np.ndarray]:
        flat = quantize(x, 0.3, 5)
        rows = quantize(x, scale, 5, axis=1)
        columns = quantize(x, by_column, 200, axis=2, dtype="uint8")
        fake = fake_quantize(x, scale, 3, axis=1, return_mask=True)
        return [
            flat,
            rows,
            columns,
            *fake,
            dequantize(flat, 0.3, 5, dtype=real),
            dequantize(rows, scale, 5, axis=1, dtype=real),
            dequantize(columns, by_column, 200, axis=2, dtype=real),
        ]

    assert x.size > 3 * 65536, "too small for threads"
    results = assert_same_everywhere(compute)
    assert_same_bits(results[1], reference.quantize(x, scale.astype(real), 5, 1))
    assert_same_bits(results[2], reference.quantize(x, by_column.astype(real), 200, 2, "uint8"))


@pytest.mark.parametrize("real", REALS)
def test_place_in_the_array_does_not_matter(rng: np.random.Generator, isa: str, real: Any) -> None:
    x = numbers(rng, 300, real)
    whole = quantize(x, 0.7, 3)
    for start, stop in [(1, 300), (3, 20), (17, 18), (63, 257)]:
        assert_same_bits(quantize(x[start:stop], 0.7, 3), whole[start:stop])


def test_halves_round_to_even(isa: str) -> None:
    halves = np.arange(-130.5, 131.0, dtype=np.float32)
    assert_same_bits(quantize(halves, 1.0), np.clip(np.rint(halves), -128, 127).astype(np.int8))
    # Rounded before zero_point is added: 0.5 -> 0, then + 3; (0.5 + 3) would round to 4.
    assert quantize(np.float32([0.5, 1.5, -0.5, 2.5]), 1.0, 3).tolist() == [3, 5, 3, 5]
    # One step of the float beside each half decides the other way.
    above, below = np.nextafter(halves, np.float32(1e9)), np.nextafter(halves, np.float32(-1e9))
    assert_same_bits(quantize(above, 1.0), np.clip(np.ceil(halves), -128, 127).astype(np.int8))
    assert_same_bits(quantize(below, 1.0), np.clip(np.floor(halves), -128, 127).astype(np.int8))


def test_division_not_reciprocal(isa: str) -> None:
    """Where x * (1 / scale) and x / scale fall on different sides of a half, the quotient decides."""
    scale = np.float32(0.037)
    x = (np.arange(-120, 120) + np.float32(0.5)) * scale
    x = np.concatenate([x, np.nextafter(x, np.float32(9)), np.nextafter(x, np.float32(-9))])
    by_reciprocal = np.rint(x * (np.float32(1) / scale))
    assert (np.rint(x / scale) != by_reciprocal).any(), "the test would see nothing"
    assert_same_bits(quantize(x, scale), reference.quantize(x, scale))


@pytest.mark.parametrize(
    ("real", "scale"),
    [
        (np.float32, 1e-45),
        (np.float32, 1.1754942e-38),
        (np.float32, 3.4e38),
        (np.float64, 5e-324),
        (np.float64, 1.7e308),
        (np.float32, 2.0**-149 * 3),
    ],
)
def test_extreme_scales(isa: str, real: Any, scale: float) -> None:
    tiny = np.finfo(real).smallest_subnormal
    big = np.finfo(real).max
    with np.errstate(over="ignore"):
        x = np.array([0, -0.0, tiny, -tiny, 100 * tiny, 1, -1, big, -big, real(scale) * 3, np.inf, np.nan], real)
    q = quantize(x, scale, 2)
    assert_same_bits(q, reference.quantize(x, scale, 2))
    assert_same_bits(dequantize(q, scale, 2, dtype=real), reference.dequantize(q, scale, 2, dtype=real))


def test_nan_infinity_and_saturation(isa: str) -> None:
    x = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 2e9, -2e9, 4e9, 1.7e7])
    assert quantize(x, 1.0, 5).tolist() == [5, 127, -128, 127, -128, 127, -128, 127, 127]
    assert quantize(x, 1.0, 5, dtype="uint8").tolist() == [5, 255, 0, 255, 0, 255, 0, 255, 255]
    assert quantize(x, 1.0, 5, quant_min=-7, quant_max=7).tolist() == [5, 7, -7, 7, -7, 7, -7, 7, 7]
    y, inside = fake_quantize(x, 1.0, 5, return_mask=True)
    assert y.tolist() == [0, 122, -133, 122, -133, 122, -133, 122, 122]
    assert inside.tolist() == [0] * 9


def test_dequantize_takes_every_code(isa: str) -> None:
    for dtype, (low, high) in reference.LIMITS.items():
        q = np.arange(low, high + 1).astype(dtype)
        for zero in (low, 0, high):
            assert_same_bits(dequantize(q, 0.1, zero), reference.dequantize(q, 0.1, zero))


def test_quantize_undoes_dequantize(rng: np.random.Generator) -> None:
    q = np.arange(-128, 128).astype(np.int8)
    for scale in rng.uniform(1e-3, 1e3, 50):
        assert_same_bits(quantize(dequantize(q, scale, 9), scale, 9), q)


def test_in_place_and_out(rng: np.random.Generator) -> None:
    x = numbers(rng, (5, 7), np.float32)
    codes = np.empty((5, 7), np.uint8)
    assert quantize(x, 0.5, 3, dtype="uint8", out=codes) is codes
    assert_same_bits(codes, reference.quantize(x, 0.5, 3, dtype="uint8"))
    back = np.empty((5, 7), np.float64)
    assert dequantize(codes, 0.5, 3, out=back) is back
    assert_same_bits(back, reference.dequantize(codes, 0.5, 3, dtype=np.float64))
    expected = fake_quantize(x, 0.5, 3)
    assert fake_quantize(x, 0.5, 3, out=x) is x
    assert_same_bits(x, expected)
