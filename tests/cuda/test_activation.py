"""Activations and their gradients on the device: the bits of the CPU library's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

SIZES = [0, 1, 3, 4, 5, 1023, 2048, 2051, 5000]


def values(n: int, dtype: Any) -> np.ndarray:
    """All magnitudes, zeros of both signs, infinities."""
    rng = np.random.default_rng(n)
    x = (rng.standard_normal(n) * np.exp(rng.uniform(-20, 6, n))).astype(dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, 1e-40, -1e-40, 1000, -1000], dtype)
    x[: min(n, special.size)] = special[: min(n, special.size)]
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", _core.activations())
def test_every_activation(device: Device, name: str, dtype: Any) -> None:
    for n in SIZES:
        for offset in (0, 1):
            z = values(n, dtype)
            y, grad_y, grad_z = np.empty_like(z), values(n, dtype)[::-1].copy(), np.empty_like(z)
            grad_y[~np.isfinite(grad_y)] = 1.5
            _core.activation_forward(name, z, y)
            _core.activation_backward(name, z if _core.activation_needs_input(name) else None, y, grad_y, grad_z)
            shift = offset * z.itemsize
            there = [device.put(a, shift) for a in (z, np.zeros_like(z), grad_y, np.zeros_like(z))]
            device.native.activation_forward(name, z.dtype.name, there[0], there[1], n)
            assert_same_bits(device.get(there[1], y), y)
            device.native.activation_backward(name, z.dtype.name, *there, n)
            assert_same_bits(device.get(there[3], grad_z), grad_z)


def test_in_place_and_nan(device: Device, order: str) -> None:
    z = values(3000, np.float32)
    z[17] = np.nan
    y = np.empty_like(z)
    _core.activation_forward("gelu", z, y)
    there = device.put(z)
    device.native.activation_forward("gelu", "float32", there, there, z.size)
    found = device.get(there, y)
    assert np.isnan(found[17])
    found[17] = y[17]  # which NaN is not promised
    assert_same_bits(found, y)


def test_refusals(device: Device) -> None:
    native, at = device.native, device.put(np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="activation: there is no 'swosh'"):
        native.activation_forward("swosh", "float32", at, at, 4)
    with pytest.raises(ValueError, match="z must not be NULL: the gradient of gelu needs it"):
        native.activation_backward("gelu", "float32", 0, at, at, at, 4)
    with pytest.raises(ValueError, match="y overlaps a part of z"):
        native.activation_forward("relu", "float32", at, at + 4, 3)
    with pytest.raises(ValueError, match="wanted float32 or float64"):
        native.activation_forward("relu", "int8", at, at, 4)
