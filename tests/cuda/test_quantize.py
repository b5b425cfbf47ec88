"""Quantization on the device: the bits of the CPU library's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

SHAPES = [
    (1, 1, 0),
    (1, 1, 1),
    (1, 1, 4099),
    (3, 5, 7),
    (40, 17, 1),
    (2, 3, 2051),
    (1, 300, 33),
    (700, 2, 1),
    (5, 4, 64),
]
CODES = [("int8", -128, 127), ("int8", -127, 127), ("uint8", 0, 255), ("int8", -8, 7)]


def case(shape: tuple[int, int, int], dtype: Any, code: tuple[str, int, int], with_zero_points: bool) -> Any:
    """x with halves, infinities and NaN; scales of all sizes; zero points."""
    rng = np.random.default_rng(sum(shape))
    _, channels, _ = shape
    scales = np.exp(rng.uniform(-8, 3, channels)).astype(dtype)
    scales[0] = 0.25  # exact halves
    integer, low, high = code
    zero_points = (
        rng.integers(low, high + 1, channels).astype(integer) if with_zero_points else np.zeros(channels, integer)
    )
    x = (rng.standard_normal(shape) * 60 * scales[None, :, None]).astype(dtype)
    x[:, 0] = np.round(x[:, 0] * 8) / 8
    flat = x.reshape(-1)
    if flat.size > 20:
        flat[[3, 7, 11]] = np.inf, -np.inf, np.nan
        flat[13:17] = 0.0, -0.0, 1e-40, -1e-40
    return x, scales, zero_points


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("with_zero_points", [True, False], ids=["affine", "symmetric"])
@pytest.mark.parametrize("code", CODES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_and_back(
    device: Device, dtype: Any, code: tuple[str, int, int], with_zero_points: bool, offset: int
) -> None:
    integer, low, high = code
    if not with_zero_points and low > 0:
        return
    for shape in SHAPES:
        x, scales, zero_points = case(shape, dtype, code, with_zero_points)
        outer, channels, inner = shape
        q, back, fake = np.empty(shape, integer), np.empty(shape, dtype), np.empty(shape, dtype)
        inside = np.empty(shape, np.uint8)
        _core.quantize(x, q, scales, zero_points, outer, inner, low, high)
        _core.dequantize(q, back, scales, zero_points, outer, inner)
        _core.fake_quantize(x, fake, inside, scales, zero_points, outer, inner, low, high)

        there = device.native.Quantizer(
            x.dtype.name,
            integer,
            low,
            high,
            outer,
            channels,
            inner,
            device.put(scales),
            device.put(zero_points) if with_zero_points else 0,
        )
        shift = offset * x.itemsize
        at_x, at_q, at_y = (
            device.put(x, shift),
            device.put(np.zeros_like(q), offset),
            device.put(np.zeros_like(x), shift),
        )
        at_inside = device.put(np.zeros_like(inside), offset)
        there.quantize(at_x, at_q)
        assert_same_bits(device.get(at_q, q), q)
        there.dequantize(at_q, at_y)
        assert_same_bits(device.get(at_y, back), back)
        there.fake_quantize(at_x, at_y, at_inside)
        assert_same_bits(device.get(at_y, fake), fake)
        assert_same_bits(device.get(at_inside, inside), inside)
        there.fake_quantize(at_x, at_x)  # in place
        assert_same_bits(device.get(at_x, fake), fake)


def test_denormal_scales(device: Device) -> None:
    """The CPU multiplies both sides by a power of two where it would divide by a denormal number slowly."""
    scales = np.array([1e-40, 3e-45, 1.2e-38], np.float32)
    x = (np.linspace(-200, 200, 90, dtype=np.float32).reshape(1, 3, 30) * scales[None, :, None]).astype(np.float32)
    q, zero_points = np.empty(x.shape, np.int8), np.zeros(3, np.int8)
    _core.quantize(x, q, scales, zero_points, 1, 30, -128, 127)
    there = device.native.Quantizer("float32", "int8", -128, 127, 1, 3, 30, device.put(scales), 0)
    at = device.put(np.zeros_like(q))
    there.quantize(device.put(x), at)
    assert_same_bits(device.get(at, q), q)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [*SHAPES, (0, 4, 5), (1, 1, 100_003)], ids=str)
def test_value_range(device: Device, order: str, dtype: Any, shape: tuple[int, int, int]) -> None:
    x, _, _ = case(shape, dtype, CODES[0], False) if shape[0] else (np.zeros(shape, dtype), None, None)
    if x.size > 20:
        x[:, -1] = np.where(np.isfinite(x[:, -1]), -0.0, x[:, -1])  # a channel of nothing but zeros
    outer, channels, inner = shape
    low, high = np.empty(channels, dtype), np.empty(channels, dtype)
    count = _core.value_range(x, outer, inner, low, high)
    at_low, at_high = device.put(np.zeros_like(low)), device.put(np.zeros_like(high))
    assert device.native.value_range(x.dtype.name, outer, channels, inner, device.put(x), at_low, at_high) == count
    assert_same_bits(device.get(at_low, low), low)
    assert_same_bits(device.get(at_high, high), high)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_choose_qparams(device: Device, dtype: Any, symmetric: bool) -> None:
    rng = np.random.default_rng(1)
    low = np.concatenate([-np.exp(rng.uniform(-90, 80, 300)), [0, 0, 1, -3e38]]).astype(dtype)
    high = np.concatenate([np.exp(rng.uniform(-90, 80, 300)), [0, 5, 2, 3e38]]).astype(dtype)
    for _, least, most in CODES:
        scales, zero_points = np.empty_like(low), np.empty(low.size, np.int32)
        _core.choose_qparams(low, high, least, most, symmetric, scales, zero_points)
        at = device.put(np.zeros_like(scales)), device.put(np.zeros_like(zero_points))
        device.native.choose_qparams(
            low.dtype.name, low.size, device.put(low), device.put(high), least, most, symmetric, *at
        )
        assert_same_bits(device.get(at[0], scales), scales)
        assert_same_bits(device.get(at[1], zero_points), zero_points)


def test_refusals(device: Device) -> None:
    at = device.put(np.ones(8, np.float32))
    make = device.native.Quantizer
    with pytest.raises(ValueError, match="wanted -128 <= quant_min < quant_max <= 127, got 5 and 5"):
        make("float32", "int8", 5, 5, 1, 1, 1, at, 0).quantize(at, at + 16)
    with pytest.raises(ValueError, match="x and q must not overlap"):
        make("float32", "int8", -128, 127, 1, 1, 4, at, 0).quantize(at, at + 2)
    with pytest.raises(ValueError, match="scale must not be NULL"):
        make("float32", "int8", -128, 127, 1, 1, 4, 0, 0).quantize(at, at + 16)
