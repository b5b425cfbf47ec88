"""Ranges, and the scales and zero points chosen from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reference import quantize as reference
from sprat import _core
from sprat.quantization import choose_qparams, dequantize, quantize, value_range
from support import assert_same_bits, assert_same_everywhere


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_value_range(rng: np.random.Generator, isa: str, real: Any) -> None:
    for shape in [(1,), (7,), (16,), (33,), (1000,), (3, 5, 7), (4, 1, 70), (2, 65, 1)]:
        x = rng.standard_normal(shape).astype(real)
        low, high = value_range(x)
        assert_same_bits(low, x.min())
        assert_same_bits(high, x.max())
        for axis in range(x.ndim):
            others = tuple(a for a in range(x.ndim) if a != axis)
            low, high = value_range(x, axis)
            assert_same_bits(low, x.min(axis=others))
            assert_same_bits(high, x.max(axis=others))


def test_value_range_same_everywhere(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 67, 1013)).astype(np.float32)
    x[0, 3, 10] = -0.0

    def compute() -> list[np.ndarray]:
        return [part for axis in (None, 0, 1, 2) for part in value_range(x, axis)]

    results = assert_same_everywhere(compute)
    assert_same_bits(results[0], x.min())
    assert_same_bits(results[4], x.min(axis=(0, 2)))


def test_zero_has_one_sign() -> None:
    for x in (np.float32([0.0, -0.0] * 20), np.float32([-0.0, 0.0] * 20), np.float32([-0.0] * 40)):
        for part in value_range(x):
            assert_same_bits(part, np.float32(0.0))
        for part in value_range(x.reshape(2, 20), axis=1):
            assert_same_bits(part, np.zeros(20, np.float32))


def test_finite_range_beside_infinities(isa: str) -> None:
    """The kernel looks at finite numbers alone, and counts the others."""
    x = np.float32([np.nan, 3, -np.inf, -2, np.inf, np.nan] * 9)
    low, high = np.empty(1, np.float32), np.empty(1, np.float32)
    assert _core.value_range(x, 1, x.size, low, high) == 36
    assert (low[0], high[0]) == (-2, 3)
    low, high = np.empty(6, np.float32), np.empty(6, np.float32)
    assert _core.value_range(x.reshape(9, 6), 9, 1, low, high) == 36
    assert low.tolist() == [np.inf, 3, np.inf, -2, np.inf, np.inf]
    assert high.tolist() == [-np.inf, 3, -np.inf, -2, -np.inf, -np.inf]


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_choose_qparams(rng: np.random.Generator, isa: str, dtype: str, symmetric: bool, real: Any) -> None:
    info = np.finfo(real)
    spread = np.exp(rng.uniform(np.log(info.tiny) / 2, np.log(info.max) / 2, 200))
    a, b = (spread * rng.standard_normal(200)).astype(real), (spread * rng.standard_normal(200)).astype(real)
    special = np.array(
        [[0, 0], [-1, 0], [0, 1], [1, 1], [-2, -1], [-info.max, info.max], [0, info.smallest_subnormal], [-0.0, 0.0]],
        real,
    )
    low = np.concatenate([np.minimum(a, b), special[:, 0]])
    high = np.concatenate([np.maximum(a, b), special[:, 1]])
    first, last = reference.LIMITS[dtype]
    if symmetric and first < 0:
        first += 1
    scale, zero = choose_qparams(low, high, dtype, symmetric)
    wanted_scale, wanted_zero = reference.choose_qparams(low, high, first, last, symmetric)
    assert_same_bits(scale, wanted_scale)
    assert_same_bits(zero, wanted_zero.astype(dtype))
    assert np.isfinite(scale).all()
    assert (scale > 0).all()


def test_shapes_and_types() -> None:
    scale, zero = choose_qparams(-1.0, 1.0)
    assert scale.shape == zero.shape == ()
    assert (scale.dtype, zero.dtype) == (np.float32, np.int8)
    scale, zero = choose_qparams(np.float64([-1, -2]), np.float64([1, 2]), "uint8")
    assert scale.shape == zero.shape == (2,)
    assert (scale.dtype, zero.dtype) == (np.float64, np.uint8)


floats = st.floats(-1e6, 1e6, width=32)


@given(hnp.arrays(np.float32, st.integers(1, 30), elements=floats), st.sampled_from(["int8", "uint8"]), st.booleans())
def test_zero_is_exact_and_errors_are_half_a_step(x: np.ndarray, dtype: str, symmetric: bool) -> None:
    scale, zero = choose_qparams(*value_range(x), dtype, symmetric)
    assert dequantize(quantize(np.float32([0.0]), scale, zero, dtype=dtype), scale, zero)[0] == 0
    back = dequantize(quantize(x, scale, zero, dtype=dtype), scale, zero)
    # Half a step of rounding; at the ends the zero point, rounded itself, may cost as much again.
    assert (np.abs(back - x) <= scale * 1.0001).all()
    if symmetric and dtype == "int8":
        assert (np.abs(back - x) <= scale * 0.5001).all()
