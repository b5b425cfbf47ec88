"""The package's functions on device arrays: dispatched by what they are given, with the bits of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sprat
from cuda_foreign import KINDS, random
from sprat import nn, prune, quantization
from sprat.training.gradients import energy_of
from support import assert_same_bits

W = random(6, 33) * 3

# name: a function of one array; what it returns may be a tuple.
CALLS: dict[str, Callable[[Any], Any]] = {
    "apply": lambda x: nn.activations.apply("gelu", x),
    "derivative": lambda x: nn.activations.derivative("tanh", x),
    "sigmoid": nn.functional.sigmoid,
    "softmax": nn.functional.softmax,
    "log_softmax": nn.functional.log_softmax,
    "quantize": lambda x: quantization.quantize(x, 0.05, 3),
    "quantize, channels": lambda x: quantization.quantize(
        x, np.linspace(0.01, 0.3, 6), [0, 1, 2, 3, 250, 5], axis=0, dtype="uint8"
    ),
    "quantize, range": lambda x: quantization.quantize(x, 0.05, quant_min=-7, quant_max=7),
    "fake_quantize": lambda x: quantization.fake_quantize(x, 0.05),
    "fake_quantize, mask": lambda x: quantization.fake_quantize(x, np.full(33, 0.01), axis=1, return_mask=True),
}
IN_PLACE: dict[str, Callable[[Any], Any]] = {
    "threshold": lambda x: prune.threshold(x, 0.7),
    "magnitude": lambda x: prune.magnitude(x, 0.6),
    "magnitude of nothing": lambda x: prune.magnitude(x, 0.0),
}


def parts(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLS)
def test_functions(name: str, kind: str, dtype: Any) -> None:
    wanted = parts(CALLS[name](W.astype(dtype)))
    theirs = KINDS[kind](W.astype(dtype))
    for there, here in zip(parts(CALLS[name](theirs)), wanted, strict=True):
        assert isinstance(there, sprat.cuda.Array)
        assert_same_bits(there.numpy(), here)
    assert_same_bits(theirs.numpy(), W.astype(dtype))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", IN_PLACE)
def test_functions_in_place(name: str, kind: str) -> None:
    host, theirs = W.copy(), KINDS[kind](W)
    mask = IN_PLACE[name](host)
    assert_same_bits(IN_PLACE[name](theirs).numpy(), mask)
    assert_same_bits(theirs.numpy(), host)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_where_it_lies(kind: str) -> None:
    there = sprat.cuda.array(W)
    out = KINDS[kind](np.zeros(W.shape, np.int8))
    assert quantization.quantize(there, 0.1, out=out) is out
    codes = quantization.quantize(W, 0.1)
    assert_same_bits(out.numpy(), codes)
    back = KINDS[kind](np.zeros(W.shape, np.float32))
    assert quantization.dequantize(out, 0.1, out=back) is back
    assert_same_bits(back.numpy(), quantization.dequantize(codes, 0.1))
    y = KINDS[kind](W)
    assert nn.functional.softmax(y, out=y) is y
    assert_same_bits(y.numpy(), nn.functional.softmax(W))


def test_scales_on_the_device() -> None:
    scale, zero = np.linspace(0.01, 0.2, 6).astype(np.float32), np.arange(6, dtype=np.int8)
    there = [sprat.cuda.array(part) for part in (W, scale, zero)]
    codes = quantization.quantize(there[0], there[1], there[2], axis=0)
    assert_same_bits(codes.numpy(), quantization.quantize(W, scale, zero, axis=0))
    back = quantization.dequantize(codes, there[1], there[2], axis=0)
    assert_same_bits(back.numpy(), quantization.dequantize(codes.numpy(), scale, zero, axis=0))


@pytest.mark.parametrize("loss", [nn.losses.MSE(), nn.losses.Huber(0.3), nn.losses.CrossEntropy(0.1, [1.0] * 32 + [2])])
def test_losses(loss: Any) -> None:
    target = np.abs(random(6, 33, seed=2))
    weight = np.abs(random(6, seed=3))
    value, grad = loss(W, target, weight)
    device_value, device_grad = loss(*(sprat.cuda.array(part) for part in (W, target, weight)))
    assert device_value == value
    assert_same_bits(device_grad.numpy(), grad)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_models_are_pruned_where_they_are(scope: str) -> None:
    host, device = nn.MLP([5, 16, 3], seed=0), nn.MLP([5, 16, 3], seed=0, device="cuda")
    for prunes in (
        lambda model: prune.magnitude(model, 0.3, scope=scope),
        lambda model: prune.threshold(model, 0.4, layers=[0]),
        lambda model: prune.magnitude(model, {0: 0.6, 1: 0.7}),
    ):
        here, there = prunes(host), prunes(device)
        for name, mask in here.items():
            assert_same_bits(there[name], mask)
            assert_same_bits(device.masks[name], host.masks[name])
        assert_same_bits(device.params.numpy(), host.params)


def test_empty_arrays() -> None:
    empty = sprat.cuda.empty((0, 3))
    assert nn.activations.apply("relu", empty).shape == (0, 3)
    assert nn.functional.softmax(empty).shape == (0, 3)
    assert quantization.quantize(empty, 0.1).shape == (0, 3)
    assert quantization.quantize(empty, np.zeros(0), axis=0).shape == (0, 3)
    assert prune.threshold(empty, 0.5).shape == (0, 3)
    assert prune.magnitude(empty, 0.5).shape == (0, 3)


def test_refusals_are_one_line_and_change_nothing() -> None:
    there = sprat.cuda.array(W)
    read_only = sprat.cuda.asarray(W)
    read_only.writeable = False
    for call, message in (
        (lambda: nn.activations.apply("relu", sprat.cuda.array([1, 2])), "^x: wanted float32 or float64, got int64$"),
        (lambda: nn.activations.apply("cubic", there), "^activation: wanted one of"),
        (lambda: nn.activations.apply("relu", there, out=W.copy()), "^out: wanted an array on the device"),
        (lambda: nn.functional.softmax(there, out=sprat.cuda.empty((6, 3))), r"^out: wanted shape \(6, 33\)"),
        (lambda: quantization.quantize(there, 0.0), r"^scale\[0\]: wanted a finite positive number, got 0$"),
        (lambda: quantization.quantize(there, [0.1, np.nan] * 3, axis=0), r"^scale\[1\]: wanted a finite positive"),
        (lambda: quantization.quantize(there, 0.1, 200), "^zero_point: wanted -128 to 127"),
        (lambda: quantization.quantize(there, 0.1, axis=2), "^axis: wanted"),
        (
            lambda: quantization.quantize(there, sprat.cuda.array([0.1], "float32"), axis=0),
            r"^scale: wanted shape \(6,\)",
        ),
        (lambda: quantization.quantize(there, 0.1, dtype="int16"), "^dtype: wanted"),
        (lambda: quantization.quantize(there, 0.1, out=there), "^out: wanted int8, got float32$"),
        (lambda: quantization.dequantize(there, 0.1), "^q: wanted int8 or uint8, got float32$"),
        (lambda: prune.threshold(read_only, 0.5), "^target: wanted a writable array"),
        (lambda: prune.threshold(there, -1.0), "^t: wanted a number of at least 0"),
        (lambda: prune.magnitude(there, 1.5), "^sparsity: wanted a number in"),
        (
            lambda: prune.magnitude(there, pattern="2:4"),
            "^prune.magnitude with pattern='2:4': does not run on the device",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert_same_bits(there.numpy(), W)
    bad = sprat.cuda.array(np.float32([1.0, np.nan]))
    with pytest.raises(ValueError, match="not NaN"):
        prune.magnitude(bad, 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 4097])
def test_sum_of_squares(n: int, dtype: Any) -> None:
    """What ``fit`` asks of gradients is what clipping makes of them."""
    x = random(n, dtype=dtype)
    found = energy_of(sprat.cuda.array(x))
    plan = sprat.optim.SGD([np.zeros(n, dtype)], lr=0.0, clip_norm=1.0)
    plan.step([x])
    assert plan.grad_norm is not None
    assert np.sqrt(found) == plan.grad_norm
    for bad in (np.nan, np.inf):
        x[n // 2 :] = bad
        assert n == 0 or not np.isfinite(energy_of(sprat.cuda.array(x)))
