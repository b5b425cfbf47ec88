"""Optimizer steps on the device: the bits of the CPU library's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

OPTIMIZERS = _core.optimizers()
# Around a pack of 128 bits, a block of threads, a chunk of a block, and a block of the norm.
SIZES = [0, 1, 3, 4, 5, 255, 1024, 2047, 2049, 4095, 4097, 9001]
HYPER = {
    "lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.03, "momentum": 0.8, "dampening": 0.1,
    "alpha": 0.95, "lr_decay": 0.01, "momentum_decay": 0.004,
}  # fmt: skip


@dataclass
class Tensor:
    param: np.ndarray
    states: list[np.ndarray]
    mask: np.ndarray | None
    ema: np.ndarray | None

    def arrays(self) -> list[np.ndarray]:
        return [self.param, *self.states, *([] if self.ema is None else [self.ema])]


def tensors(name: str, sizes: list[int], dtype: Any, extras: bool, seed: int = 3) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    out = []
    for n in sizes:
        param = rng.standard_normal(n).astype(dtype)
        mask = (rng.random(n) < 0.7).astype(np.uint8) if extras else None
        ema = rng.standard_normal(n).astype(dtype) if extras else None
        out.append(Tensor(param, [np.zeros(n, dtype) for _ in OPTIMIZERS[name]], mask, ema))
    return out


def gradients(sizes: list[int], dtype: Any, step: int) -> list[np.ndarray]:
    rng = np.random.default_rng(100 + step)
    grads = [rng.standard_normal(n).astype(dtype) * dtype(10) for n in sizes]
    for grad in grads:
        grad[::7] *= dtype(1e-25)  # below the smallest gradient that counts
        grad[3::11] = -0.0
    return grads


class Twin:
    """The same step on the CPU and on the device."""

    def __init__(
        self, device: Device, name: str, all_tensors: list[Tensor], hyper: dict[str, Any], offset: int = 0
    ) -> None:
        self.device, self.tensors = device, all_tensors
        dtype = all_tensors[0].param.dtype
        self.cpu = _core.OptimizerPlan(
            [name],
            [
                (f"[{i}]", None, 0, t.param, t.states, t.mask, t.ema, 0, 1.0, 0, False)
                for i, t in enumerate(all_tensors)
            ],
            0,
            0,
        )
        self.cpu.set_group(0, hyper)
        shift = offset * dtype.itemsize
        self.addresses = [[device.put(x, shift) for x in t.arrays()] for t in all_tensors]
        rows = []
        for t, at in zip(all_tensors, self.addresses, strict=True):
            mask = 0 if t.mask is None else device.put(t.mask, offset)
            states = at[1 : 1 + len(t.states)]
            rows.append((t.param.size, at[0], states, mask, 0 if t.ema is None else at[-1]))
        self.plan = device.native.OptimizerPlan([(name, dtype.name, rows)])
        self.plan.set_params(0, hyper)

    def set_options(self, *options: Any) -> None:
        self.cpu.set_options(*options)
        self.plan.set_options(*options)

    def step(self, grads: list[np.ndarray], offset: int = 0, want_norm: bool = False) -> bool:
        there = [self.device.put(g, offset * g.itemsize) for g in grads]
        made = bool(self.plan.step(there, want_norm=want_norm))
        assert made == bool(self.cpu.step(grads))
        return made

    def assert_equal(self) -> None:
        for t, at in zip(self.tensors, self.addresses, strict=True):
            for array, address in zip(t.arrays(), at, strict=True):
                assert_same_bits(self.device.get(address, array), array)


@pytest.mark.parametrize("extras", [False, True], ids=["plain", "mask-ema"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(device: Device, name: str, dtype: Any, extras: bool) -> None:
    """Twenty steps, past one that flushes denormal numbers, over tensors of all sizes in one call."""
    twin = Twin(device, name, tensors(name, SIZES, dtype, extras), HYPER)
    twin.set_options(0.0, 3.0, 0.9 if extras else 0.0, False)
    for step in range(20):
        twin.step(gradients(SIZES, dtype, step))
    twin.assert_equal()


@pytest.mark.parametrize(
    "flags", [{"nesterov": True}, {"maximize": True}, {"decoupled_weight_decay": True}, {"weight_decay": 0.0}]
)
@pytest.mark.parametrize("name", ["sgd_momentum", "nadam", "adam", "rmsprop_centered_momentum"])
def test_flags(device: Device, name: str, flags: dict[str, Any]) -> None:
    twin = Twin(device, name, tensors(name, [1000], np.float32, True), {**HYPER, **flags})
    twin.set_options(0.5, 0.0, 0.5, False)
    for step in range(3):
        twin.step(gradients([1000], np.float32, step))
    twin.assert_equal()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_any_place(device: Device, dtype: Any, offset: int) -> None:
    """Arrays that no pack of 128 bits can read are read one by one: the same bits."""
    twin = Twin(device, "adamw", tensors("adamw", [2051], dtype, True), HYPER, offset)
    twin.set_options(0.0, 0.0, 0.9, False)
    twin.step(gradients([2051], dtype, 0), offset)
    twin.assert_equal()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "sizes",
    [[1], [17], [4096], [4097, 5, 0, 9000], [33] * 130, [60_000]],
    ids=["1", "17", "4096", "some", "many", "60000"],
)
def test_clip_by_norm(device: Device, order: str, dtype: Any, sizes: list[int]) -> None:
    """The norm is the CPU's to the last bit, on a line that more than one launch covers, with masks on it."""
    twin = Twin(device, "adam", tensors("adam", sizes, dtype, len(sizes) > 1), HYPER)
    twin.set_options(0.25, 0.0, 0.5, False)
    assert twin.step(gradients(sizes, dtype, 0), want_norm=True)
    assert twin.plan.grad_norm == twin.cpu.grad_norm
    assert twin.step(gradients(sizes, dtype, 1))  # the clip coefficient does not come to the host
    twin.assert_equal()


def test_a_line_of_more_than_1024_blocks(device: Device) -> None:
    n = 1024 * 4096 + 12345
    twin = Twin(device, "sgd", tensors("sgd", [n], np.float32, False), HYPER)
    twin.set_options(1.0, 0.0, 0.0, False)
    twin.step(gradients([n], np.float32, 0), want_norm=True)
    assert twin.plan.grad_norm == twin.cpu.grad_norm
    twin.assert_equal()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_require_finite(device: Device, bad: float, dtype: Any) -> None:
    """A gradient that is not finite changes nothing; behind a mask it does not count."""
    twin = Twin(device, "adam", tensors("adam", [5000, 70], dtype, True), HYPER)
    twin.set_options(0.0, 0.0, 0.5, True)
    grads = gradients([5000, 70], dtype, 0)
    hidden, seen = (int(np.flatnonzero(twin.tensors[0].mask == keep)[-1]) for keep in (0, 1))
    grads[0][hidden] = bad
    assert twin.step(grads)
    grads[0][seen] = bad
    before = twin.plan.params(0)
    assert not twin.step(grads)
    assert twin.plan.params(0) == before
    twin.assert_equal()


def test_huge_gradients_are_finite(device: Device) -> None:
    """Squares of float64 that overflow make the norm infinite, but are no reason to refuse."""
    twin = Twin(device, "sgd", tensors("sgd", [100], np.float64, False), HYPER)
    twin.set_options(0.0, 0.0, 0.0, True)
    assert twin.step([np.full(100, 1e200)])
    twin.assert_equal()


def test_groups_and_orders(device: Device, order: str) -> None:
    """Two groups of different optimizers and dtypes under one norm."""
    first, second = tensors("lion", [3000], np.float32, True), tensors("nadam", [700, 70], np.float64, False)
    at = [[device.put(x) for x in t.arrays()] for t in (*first, *second)]
    cpu = _core.OptimizerPlan(
        ["lion", "nadam"],
        [
            (f"[{i}]", None, int(i > 0), t.param, t.states, t.mask, t.ema, 0, 1.0, 0, False)
            for i, t in enumerate((*first, *second))
        ],
        0,
        0,
    )
    rows = [
        (
            t.param.size,
            a[0],
            a[1 : 1 + len(t.states)],
            0 if t.mask is None else device.put(t.mask),
            0 if t.ema is None else a[-1],
        )
        for t, a in zip((*first, *second), at, strict=True)
    ]
    plan = device.native.OptimizerPlan([("lion", "float32", rows[:1]), ("nadam", "float64", rows[1:])])
    for p in (cpu, plan):
        p.set_options(0.7, 0.0, 0.8, False)
        for g, lr in enumerate((0.001, 0.002)):
            (p.set_group if p is cpu else p.set_params)(g, {**HYPER, "lr": lr})
    for step in range(2):
        grads = [
            g[0]
            for g in (
                gradients([3000], np.float32, step),
                gradients([700], np.float64, step),
                gradients([70], np.float64, step + 9),
            )
        ]
        cpu.step(grads)
        plan.step([device.put(g) for g in grads], want_norm=True)
        assert plan.grad_norm == cpu.grad_norm
    for t, addresses in zip((*first, *second), at, strict=True):
        for array, address in zip(t.arrays(), addresses, strict=True):
            assert_same_bits(device.get(address, array), array)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"beta1": 1.0}, "params.beta1: wanted a finite number in its range, got 1"),
        ({"step": 0}, "params.step: counts from 1, got 0"),
    ],
)
def test_refusals(device: Device, hyper: dict[str, Any], message: str) -> None:
    plan = device.native.OptimizerPlan([("adam", "float32", [(4, device.put(np.zeros(4, np.float32)), [0, 0], 0, 0)])])
    plan.set_params(0, {**HYPER, **hyper})
    with pytest.raises(ValueError, match=message):
        plan.step([device.put(np.zeros(4, np.float32))])
