"""Losses and softmax on the device: the bits of the CPU library's, value and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

LOSSES = ["cross_entropy", "bce_with_logits", "mse", "mae", "huber"]
SHAPES = [(1, 2), (3, 16), (17, 10), (33, 1), (65, 17), (129, 3), (513, 2), (1025, 1), (4, 300), (70, 33)]
ARRAYS = ["class_weight", "pos_weight", "sample_weight", "teacher"]


def cpu_loss(name: str, output: np.ndarray, target: Any, grad: Any, options: dict[str, Any]) -> float:
    given = {"sample_weight": None, "teacher": None, **options}
    return float(_core.loss(output, target, grad_output=grad, loss=name, **given))


def device_loss(
    device: Device, name: str, output: np.ndarray, target: Any, options: dict[str, Any]
) -> tuple[float, Any]:
    given = {key: device.put(value) if key in ARRAYS else value for key, value in options.items()}
    grad = device.empty(output.nbytes)
    classes = target is not None and target.dtype == np.int64
    value = device.native.loss(
        name, output.dtype.name, device.put(output), 0 if target is None else device.put(target), *output.shape,
        grad_output=grad, classes=classes, **given,
    )  # fmt: skip
    return value, device.get(grad, output)


def targets(rng: np.random.Generator, name: str, shape: tuple[int, int], dtype: Any) -> list[np.ndarray]:
    if name != "cross_entropy":
        return [(rng.random(shape) if name == "bce_with_logits" else rng.standard_normal(shape) * 2).astype(dtype)]
    shares = rng.random(shape)
    return [(shares / shares.sum(1, keepdims=True)).astype(dtype), rng.integers(0, shape[1], shape[0])]


def variants(rng: np.random.Generator, name: str, shape: tuple[int, int], dtype: Any) -> list[dict[str, Any]]:
    weight = rng.random(shape[0]).astype(dtype) + dtype(0.1)
    columns = rng.random(shape[1]).astype(dtype) + dtype(0.1)
    teacher = {"teacher": rng.standard_normal(shape).astype(dtype) * dtype(3), "temperature": 2.5, "alpha": 0.3}
    own = {
        "cross_entropy": {"class_weight": columns, "label_smoothing": 0.1},
        "bce_with_logits": {"pos_weight": columns},
    }
    special = {**own.get(name, {}), **({"delta": 0.7} if name == "huber" else {})}
    return [{}, {"sample_weight": weight}, special, teacher, {**special, **teacher, "sample_weight": weight}]


def check(device: Device, name: str, output: np.ndarray, target: Any, options: dict[str, Any]) -> None:
    grad = np.empty_like(output)
    value = cpu_loss(name, output, target, grad, options)
    got, got_grad = device_loss(device, name, output, target, options)
    assert_same_bits(np.float64(got), np.float64(value))
    assert_same_bits(got_grad, grad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_the_bits_of_the_cpu(device: Device, name: str, dtype: Any) -> None:
    for shape in SHAPES:
        if name == "cross_entropy" and shape[1] == 1:
            continue
        rng = np.random.default_rng(shape)
        output = (rng.standard_normal(shape) * 4).astype(dtype)
        for target in targets(rng, name, shape, dtype):
            for options in variants(rng, name, shape, dtype):
                check(device, name, output, target, options)


@pytest.mark.parametrize("name", LOSSES)
def test_a_teacher_alone_needs_no_target(device: Device, name: str) -> None:
    rng = np.random.default_rng(5)
    output, teacher = (rng.standard_normal((37, 5)).astype(np.float32) for _ in range(2))
    check(device, name, output, None, {"teacher": teacher, "temperature": 4.0, "alpha": 1.0})


def test_thread_orders(device: Device, order: str) -> None:
    rng = np.random.default_rng(6)
    output = rng.standard_normal((70, 33)).astype(np.float32)
    for name in LOSSES:
        for target in targets(rng, name, output.shape, np.float32):
            check(device, name, output, target, variants(rng, name, output.shape, np.float32)[-1])


def test_infinite_and_nan_outputs(device: Device) -> None:
    output = np.array([[np.inf, 0, 1], [-np.inf, 0, 1], [np.nan, 0, 1], [80, -80, 0]], np.float32)
    for name, target in (("cross_entropy", np.array([0, 0, 1, 1])), ("mse", np.zeros((4, 3), np.float32))):
        grad = np.empty_like(output)
        value = cpu_loss(name, output, target, grad, {})
        got, got_grad = device_loss(device, name, output, target, {})
        assert np.isnan(got) == np.isnan(value)
        np.testing.assert_array_equal(got_grad, grad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log", [False, True])
def test_softmax(device: Device, dtype: Any, log: bool) -> None:
    for shape in SHAPES:
        x = (np.random.default_rng(shape).standard_normal(shape) * 20).astype(dtype)
        wanted = np.empty_like(x)
        (_core.log_softmax if log else _core.softmax)(x, wanted)
        at = device.put(x)
        device.native.softmax(np.dtype(dtype).name, at, at, *shape, log=log)  # in place
        assert_same_bits(device.get(at, x), wanted)


def refused(device: Device, *args: Any) -> tuple[str, str]:
    """What CPU and device say, which must have written nothing."""
    name, output, target, options = args
    with pytest.raises(ValueError) as cpu:
        cpu_loss(name, output, target, np.empty_like(output), options)
    given = {key: device.put(value) if key in ARRAYS else value for key, value in options.items()}
    grad = device.put(np.full_like(output, 7))
    with pytest.raises(ValueError) as gpu:
        device.native.loss(
            name, "float32", device.put(output), device.put(target), *output.shape, grad_output=grad,
            classes=target.dtype == np.int64, **given,
        )  # fmt: skip
    assert (device.get(grad, output) == 7).all()
    return str(cpu.value), str(gpu.value)


def test_the_device_refuses_what_the_cpu_refuses(device: Device) -> None:
    output = np.zeros((40, 3), np.float32)
    ids = np.zeros(40, np.int64)
    bad_ids = ids.copy()
    bad_ids[[5, 31]] = 3, -1
    shares = np.full((40, 3), 0.5, np.float32)
    bad_shares = shares.copy()
    bad_shares[2, 1], bad_shares[9, 0] = 1.5, np.nan
    weight = np.ones(40, np.float32)
    bad_weight = weight.copy()
    bad_weight[[17, 20]] = -1, np.inf
    zeros, class_weight = np.zeros(40, np.float32), np.array([0, 1, 1], np.float32)
    for case in (
        ("cross_entropy", output, bad_ids, {}),
        ("bce_with_logits", output, bad_shares, {}),
        ("cross_entropy", output, ids, {"sample_weight": bad_weight}),
        ("cross_entropy", output, ids, {"sample_weight": zeros}),
        ("cross_entropy", output, ids, {"class_weight": class_weight}),
        ("cross_entropy", output, ids, {"label_smoothing": 1.0}),
        ("mse", output, shares, {"teacher": output + 1, "temperature": 0.0, "alpha": 0.5}),
    ):
        cpu, gpu = refused(device, *case)
        assert cpu == gpu
