"""sprat.optim on arrays of the device: what it offers for arrays of the host, with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sprat
from cuda_foreign import KINDS, random
from sprat import optim
from support import assert_same_bits

SHAPES = [(5, 7), (7,), (300,), (0,)]
MAKERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda p, **o: optim.SGD(p, lr=0.1, **o),
    "nesterov": lambda p, **o: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01, **o),
    "adam": lambda p, **o: optim.Adam(p, lr=optim.schedules.Cosine(0.1, steps=20), **o),
    "amsgrad": lambda p, **o: optim.AdamW(p, lr=0.1, amsgrad=True, weight_decay=0.1, **o),
    "nadam": lambda p, **o: optim.NAdam(p, lr=0.1, **o),
    "rmsprop": lambda p, **o: optim.RMSprop(p, lr=0.1, centered=True, momentum=0.5, **o),
    "adagrad": lambda p, **o: optim.Adagrad(p, lr=0.1, initial_accumulator_value=0.5, **o),
    "lion": lambda p, **o: optim.Lion(p, lr=0.1, **o),
}


def arrays(seed: int, dtype: Any = np.float32) -> list[Any]:
    return [random(*shape, seed=seed + i, dtype=dtype) for i, shape in enumerate(SHAPES)]


def on_device(values: list[Any]) -> list[Any]:
    return [None if value is None else sprat.cuda.array(value) for value in values]


def assert_equal(host: Any, device: Any) -> None:
    here, there = host.state_dict(), device.state_dict()
    assert here["param_groups"] == there["param_groups"]
    assert here["state"].keys() == there["state"].keys()
    for index, state in here["state"].items():
        for name, array in state.items():
            assert isinstance(there["state"][index][name], np.ndarray)
            assert_same_bits(there["state"][index][name], array)
    for a, b in zip(host._parameters, device._parameters, strict=True):
        assert_same_bits(b.array.numpy(), a.array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAKERS)
def test_the_bits_of_the_host(name: str, dtype: Any) -> None:
    """With everything around the update: clipping, masks, averages, a parameter that gets no gradient now and then."""
    values = arrays(0, dtype)
    masks = [(value > -0.5).astype(np.uint8) for value in values]
    options = {"clip_norm": 3.0, "clip_value": 0.5, "ema_decay": 0.9, "masks": masks}
    there = on_device(values)
    host, device = MAKERS[name](values, **options), MAKERS[name](there, **options)
    for step in range(5):
        grads = arrays(10 * step + 5, dtype)
        if step == 2:
            grads[1] = None
        assert host.step(grads)
        assert device.step(on_device(grads))
        assert host.grad_norm == device.grad_norm
    assert_equal(host, device)
    for a, b in zip(host.ema, device.ema, strict=True):
        assert_same_bits(b.numpy(), a)
    with host.swap_ema(), device.swap_ema():
        assert_equal(host, device)
        with pytest.raises(RuntimeError, match="swap_ema"):
            device.step()
    assert_equal(host, device)


@pytest.mark.parametrize("kind", KINDS)
def test_other_libraries_arrays(kind: str) -> None:
    """Parameters and gradients that are CuPy's, torch's or JAX's are updated where they lie."""
    values, theirs = arrays(0), [KINDS[kind](value) for value in arrays(0)]
    host, device = optim.Adam(values, lr=0.1), optim.Adam(theirs, lr=0.1)
    grads = [KINDS[kind](grad) for grad in arrays(7)]
    for _ in range(3):
        host.step(arrays(7))
        device.step(grads)  # the same objects again: not looked at anew
    for a, b in zip(values, theirs, strict=True):
        assert_same_bits(b.numpy(), a)


def test_a_flat_gradient() -> None:
    values = arrays(0)
    host, there = optim.SGD(values, lr=0.5), on_device(values)
    device = optim.SGD(there, lr=0.5)
    flat = random(sum(value.size for value in values))
    host.step(flat)
    on_it = sprat.cuda.array(flat)
    device.bind(on_it)
    assert device.step()
    assert_equal(host, device)
    with pytest.raises(ValueError, match=r"^grads: wanted shape \(342,\), got \(3,\)$"):
        device.step(sprat.cuda.array(random(3)))


def test_a_run_goes_on_from_its_state_in_either_memory() -> None:
    values = arrays(0)
    host, device = optim.Adam(values, lr=0.1), optim.Adam(on_device(values), lr=0.1)
    for optimizer, move in ((host, list), (device, on_device)):
        optimizer.step(move(arrays(3)))
    moved = optim.Adam(on_device([p.array for p in host._parameters]), lr=0.1)
    moved.load_state_dict(host.state_dict())
    host.load_state_dict(device.state_dict())
    host.step(arrays(4))
    moved.step(on_device(arrays(4)))
    assert_equal(host, moved)
    assert moved.step_count == 2


def test_groups_and_hyperparameters_are_followed() -> None:
    def make(move: Any) -> Any:
        w, b = move([random(3, 2), random(2, seed=1)])
        return optim.SGD([{"params": [w], "momentum": 0.9}, {"params": [b], "lr": 0.5}], lr=0.1, momentum=0.5)

    host, device = make(list), make(on_device)
    for step in range(4):
        grads = [random(3, 2, seed=step + 9), random(2, seed=step + 19)]
        host.param_groups[0]["lr"] = device.param_groups[0]["lr"] = 0.1 * step
        host.step(grads)
        device.step(on_device(grads))
    assert_equal(host, device)


@pytest.mark.parametrize("policy", ["skip", "raise"])
def test_gradients_that_are_not_finite(policy: str) -> None:
    values = arrays(0)
    device = optim.Adam(on_device(values), lr=0.1, nonfinite=policy)
    grads = arrays(1)
    grads[0][2, 3] = np.nan
    if policy == "skip":
        assert device.step(on_device(grads)) is False
        assert device.skipped_steps == 1
    else:
        with pytest.raises(ValueError, match=r"^grads\[0\]: 1 elements are NaN or infinite$"):
            device.step(on_device(grads))
    assert device.step_count == 0
    for parameter, value in zip(device._parameters, values, strict=True):
        assert_same_bits(parameter.array.numpy(), value)


def test_refusals() -> None:
    w = sprat.cuda.array(random(4))
    for params, message in (
        ([random(3), w], r"^params\[1\]: wanted all parameters in one memory"),
        ([w, w], r"^params\[1\]: overlaps params\[0\]$"),
        ([sprat.cuda.array([1, 2])], r"^params\[0\]: wanted float32 or float64, got int64$"),
        ([w, w[1:]], r"^params\[[01]\]: overlaps params\[[01]\]$"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            optim.Adam(params)
    optimizer = optim.Adam({"w": w})
    for grads, message in (
        ({"w": w}, r"^grads\['w'\]: overlaps params\['w'\]$"),
        ({"w": sprat.cuda.array(random(4, dtype=np.float64))}, r"^grads\['w'\]: wanted float32, got float64$"),
        ({"w": sprat.cuda.array(random(5))}, r"^grads\['w'\]: wanted shape \(4,\), got \(5,\)$"),
        ({}, r"^grads\['w'\]: missing$"),
        ([], "^grads: wanted 1 arrays, one for each parameter, got 0$"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            optimizer.step(grads)
    with pytest.raises(ValueError, match="^grads: none were given"):
        optim.Adam({"w": w}).step()
    with pytest.raises(TypeError, match=r"^grads\['w'\]: wanted an array on the device"):
        optimizer.step({"w": random(4)})
    assert_same_bits(w.numpy(), random(4))
