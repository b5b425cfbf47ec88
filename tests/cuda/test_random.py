"""Random numbers on the device: the CPU library's, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 1023, 4097])
def test_uniform_and_normal(device: Device, dtype: Any, n: int) -> None:
    for seed, stream in ((0, 0), (2**64 - 1, 7), (12345, 0xD0 << 56)):
        for name, a, b in (("fill_uniform", -0.3, 1.7), ("fill_normal", 0.5, 2.0)):
            out = np.empty(n, dtype)
            getattr(_core, name)(out, seed, stream, a, b)
            at = device.put(np.zeros(n, dtype))
            getattr(device.native, name)(out.dtype.name, seed, stream, a, b, n, at)
            assert_same_bits(device.get(at, out), out)


def test_refusals(device: Device) -> None:
    at = device.put(np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="low and high: wanted finite numbers, got 0 and inf"):
        device.native.fill_uniform("float32", 1, 1, 0.0, float("inf"), 4, at)
