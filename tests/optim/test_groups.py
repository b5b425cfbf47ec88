"""Groups of parameters: hyper-parameters of their own, set between steps, followed by schedules."""

from __future__ import annotations

import numpy as np
import pytest

from sprat import optim
from sprat.optim import schedules


def step(optimizer: optim.Optimizer) -> None:
    grads = [np.ones_like(w) for group in optimizer.param_groups for w in group["params"]]
    optimizer.step(grads)


def test_groups_have_their_own_hyperparameters() -> None:
    a, b = np.zeros(2), np.zeros(2)
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "maximize": True}], lr=0.5)
    step(optimizer)
    np.testing.assert_array_equal(a, -1)
    np.testing.assert_array_equal(b, 0.5)


def test_groups_may_keep_different_states() -> None:
    a, b, c = (np.zeros(2, dtype) for dtype in (np.float32, np.float32, np.float64))
    optimizer = optim.SGD([{"params": [a], "momentum": 0.5}, {"params": {"b": b, "c": c}}], lr=1.0)
    assert [list(state) for state in optimizer.state] == [["momentum_buffer"], [], []]
    for _ in range(2):
        optimizer.step([np.ones(2, np.float32), np.ones(2, np.float32), np.ones(2)])
    np.testing.assert_array_equal(a, -2.5)
    np.testing.assert_array_equal(b, -2)
    np.testing.assert_array_equal(c, -2)


def test_values_set_between_steps_count() -> None:
    w = np.zeros(1)
    optimizer = optim.SGD([w], lr=1.0)
    step(optimizer)
    optimizer.param_groups[0]["lr"] = 10.0
    step(optimizer)
    optimizer.lr = 100.0
    step(optimizer)
    optimizer.param_groups[0].update(lr=1000.0, maximize=True)
    step(optimizer)
    assert w[0] == -111 + 1000
    assert optimizer.lr == 1000.0


def test_a_schedule_is_asked_for_the_step() -> None:
    w = np.zeros(1)
    rates = [1.0, 0.5, 0.25, 0.125]
    optimizer = optim.SGD([w], lr=schedules.Exponential(1.0, 0.5))
    for rate in rates:
        assert optimizer.lr == rate
        step(optimizer)
    assert w[0] == -sum(rates)


def test_cosine_does_not_compound() -> None:
    """A listing that multiplies the reduced rate again and again falls much faster than the cosine."""
    optimizer = optim.SGD([np.zeros(1)], lr=schedules.Cosine(1.0, steps=4))
    rates = []
    for _ in range(4):
        rates.append(optimizer.lr)
        step(optimizer)
    np.testing.assert_allclose(rates, [(1 + np.cos(np.pi * t / 4)) / 2 for t in range(4)], rtol=1e-15)


def test_each_group_may_have_a_schedule() -> None:
    a, b = np.zeros(1), np.zeros(1)
    optimizer = optim.SGD([{"params": [a], "lr": schedules.Step(1.0, 1, 0.1)}, {"params": [b], "lr": 2.0}])
    step(optimizer)
    step(optimizer)
    np.testing.assert_allclose(a, -1.1)
    np.testing.assert_allclose(b, -4)
    optimizer.param_groups[0]["lr"] = 5.0
    step(optimizer)
    np.testing.assert_allclose(a, -6.1)


def test_a_schedule_that_fails_changes_nothing() -> None:
    w = np.zeros(1)
    optimizer = optim.SGD([w], lr=schedules.Exponential(1e300, 1e10))
    step(optimizer)
    with pytest.raises(ValueError, match="overflows"):
        step(optimizer)
    assert (w[0], optimizer.step_count) == (-1e300, 1)


def test_bad_values_are_refused_when_set() -> None:
    group = optim.SGD([np.zeros(1)], lr=0.5, momentum=0.9).param_groups[0]
    with pytest.raises(ValueError, match="momentum: wanted a finite number of at least 0, got -1"):
        group["momentum"] = -1
    with pytest.raises(ValueError, match="nesterov needs momentum above 0 and dampening 0"):
        group.update(dampening=0.5, nesterov=True)
    with pytest.raises(KeyError, match="'speed' is none of lr, momentum"):
        group["speed"] = 1
    with pytest.raises(KeyError, match="'params' is fixed"):
        group["params"] = []
    with pytest.raises(TypeError, match="can be set, not deleted"):
        del group["lr"]
    assert group["momentum"] == 0.9
    assert dict(group)["lr"] == 0.5
    assert len(group) == len(list(group)) == 7
    assert "momentum=" not in repr(group)
    assert "'momentum': 0.9" in repr(group)


def test_values_that_need_other_states_are_refused() -> None:
    w = np.zeros(1)
    optimizer = optim.SGD([w])
    optimizer.param_groups[0]["momentum"] = 0.9
    with pytest.raises(ValueError, match=r"param_groups\[0\]: these values need other states \(sgd_momentum"):
        step(optimizer)
    optimizer.param_groups[0]["momentum"] = 0.0
    step(optimizer)
    assert optimizer.step_count == 1


def test_add_param_group() -> None:
    a, b = np.zeros(2), np.zeros(3)
    optimizer = optim.Adam([a], lr=0.1, masks=[np.array([1, 0], np.uint8)])
    optimizer.step([np.ones(2)])
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    assert optimizer.step_count == 1
    optimizer.step([np.ones(2), np.ones(3)])
    np.testing.assert_allclose(b, -0.5, rtol=1e-7)  # the first step of b
    np.testing.assert_allclose(a, [-0.2, 0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"params\[2\]: overlaps params\[1\]"):
        optimizer.add_param_group({"params": [b[:2]]})
    assert len(optimizer.param_groups) == 2
    optimizer.step([np.ones(2), np.ones(3)])


def test_repr_says_what_it_is() -> None:
    optimizer = optim.AdamW({"w": np.zeros((2, 3))}, lr=0.25, clip_norm=1.0, ema_decay=0.9)
    text = repr(optimizer)
    assert text.startswith("AdamW(step_count=0, skipped_steps=0, clip_norm=1.0, ema_decay=0.9\n")
    assert "1 parameters, 6 elements: lr=0.25" in text
