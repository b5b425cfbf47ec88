"""Products of a layer on the device: the bits of the CPU library's, for sizes around every tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

SIZES = [1, 2, 3, 15, 16, 17, 31, 33, 63, 65, 127, 129]
GUARD = 64  # bytes behind a result that must stay as they are


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Of very different sizes, some zero, so that another order of sums shows."""
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
    x[rng.random(shape) < 0.1] = -0.0
    return x.astype(dtype)


def on_cpu(x: np.ndarray, weight: np.ndarray, dz: np.ndarray) -> dict[str, np.ndarray]:
    """All three products of a layer without bias and activation."""
    out, inputs = weight.shape
    mlp = _core.Mlp([(inputs, out, "identity", False, 0.0, 0, 0)], weight.size, str(x.dtype))
    workspace = _core.Workspace()
    y, dx, dw = np.empty_like(dz), np.empty_like(x), np.empty_like(weight).ravel()
    mlp.forward(weight.ravel(), x, 0, y)
    mlp.forward_train(weight.ravel(), x, workspace, 0, 0, 0)
    mlp.backward(weight.ravel(), workspace, dz, len(x), dw, dx)
    return {"forward": y, "input_gradient": dx, "weight_gradient": dw.reshape(weight.shape)}


def check_products(
    device: Device, rows: int, inputs: int, outputs: int, dtype: Any = np.float32, offset: int = 0
) -> None:
    rng = np.random.default_rng([rows, inputs, outputs])
    x, weight = numbers(rng, (rows, inputs), dtype), numbers(rng, (outputs, inputs), dtype)
    dz = numbers(rng, (rows, outputs), dtype)
    at = {name: device.put(array, offset) for name, array in (("x", x), ("weight", weight), ("dz", dz))}
    factors = {
        "forward": ("x", "weight", (rows, outputs, inputs)),
        "input_gradient": ("dz", "weight", (rows, inputs, outputs)),
        "weight_gradient": ("dz", "x", (outputs, inputs, rows)),
    }
    for product, wanted in on_cpu(x, weight, dz).items():
        a, b, sizes = factors[product]
        guarded = np.full(wanted.nbytes + GUARD, 0xA5, np.uint8)
        c = device.put(guarded, offset)
        device.native.multiply(np.dtype(dtype).name, product, at[a], at[b], c, *sizes)
        got = device.get(c, guarded)
        assert (got[wanted.nbytes :] == 0xA5).all(), product
        assert_same_bits(got[: wanted.nbytes].view(dtype).reshape(wanted.shape), wanted)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_in_each_dimension(device: Device, size: int) -> None:
    for rows, inputs, outputs in ((size, 17, 5), (7, size, 33), (33, 3, size)):
        check_products(device, rows, inputs, outputs)
    check_products(device, size, 9, 7, np.float64)


@pytest.mark.parametrize("rows", [511, 512, 513, 1025])
def test_blocks_of_rows_are_added_in_order(device: Device, rows: int) -> None:
    check_products(device, rows, 5, 3)
    check_products(device, rows, 3, 2, np.float64)


@pytest.mark.parametrize("k", [511, 513, 1025])
def test_long_sums_have_one_chain(device: Device, k: int) -> None:
    check_products(device, 3, k, 2)
    check_products(device, 2, 3, k)


def test_arrays_that_allow_no_wide_loads(device: Device) -> None:
    check_products(device, 32, 64, 32, offset=4)
    check_products(device, 33, 65, 30, offset=8)
    check_products(device, 9, 16, 8, np.float64, offset=8)


@pytest.mark.slow
def test_large_tiles(device: Device) -> None:
    """From 64 tiles of 128 x 128 on: in each of the three products, with and without remainders."""
    check_products(device, 1025, 1024, 1028)
    check_products(device, 8 * 128, 8 * 128 - 3, 8 * 128 - 127)


def test_thread_orders(device: Device, order: str) -> None:
    check_products(device, 65, 33, 34)
    check_products(device, 600, 5, 3)


def test_a_sum_that_underflows_keeps_its_sign(device: Device) -> None:
    """Every product underflows to -0, and what pads the last strip of k must not make it +0."""
    x, weight = np.full((1, 3), 1e-30, np.float32), np.full((1, 3), -1e-30, np.float32)
    c = device.put(np.ones((1, 1), np.float32))
    device.native.multiply("float32", "forward", device.put(x), device.put(weight), c, 1, 1, 3)
    assert np.signbit(device.get(c, np.empty((1, 1), np.float32)))[0, 0]
    assert_same_bits(
        device.get(c, np.empty((1, 1), np.float32)), on_cpu(x, weight, np.ones((1, 1), np.float32))["forward"]
    )


def test_refusals(device: Device) -> None:
    native, a = device.native, device.put(np.ones(16, np.float32))
    c = device.empty(64)
    with pytest.raises(ValueError, match=r"^product: wanted forward, input_gradient or weight_gradient$"):
        native.multiply("float32", "backward", a, a, c, 1, 1, 1)
    with pytest.raises(ValueError, match=r"^c must overlap neither a nor b$"):
        native.multiply("float32", "forward", a, c, a, 2, 2, 2)
    with pytest.raises(ValueError, match=r"^m, n, k: wanted 0, 0, 1 or more"):
        native.multiply("float32", "forward", a, a, c, 1, 1, 0)
    with pytest.raises(ValueError, match=r"^a must not be NULL$"):
        native.multiply("float32", "forward", 0, a, c, 1, 1, 1)
