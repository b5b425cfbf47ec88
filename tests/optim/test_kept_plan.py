"""What the native plan keeps from step to step never shows: an optimizer made anew before every step has the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import optim
from support import assert_same_bits

SIZES = (3, 17, 40)


def arrays(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size).astype(np.float32) for size in SIZES]


def groups_of(params: list[np.ndarray]) -> list[dict[str, Any]]:
    return [{"params": params[:2], "weight_decay": 0.1}, {"params": params[2:], "lr": 0.05}]


def set_lr(optimizer: optim.Optimizer) -> None:
    optimizer.param_groups[1]["lr"] = 0.2


def set_all_lr(optimizer: optim.Optimizer) -> None:
    optimizer.lr = 0.03


def set_schedule(optimizer: optim.Optimizer) -> None:
    optimizer.param_groups[0]["lr"] = optim.schedules.Cosine(0.1, steps=9)


def set_decay(optimizer: optim.Optimizer) -> None:
    optimizer.param_groups[0]["weight_decay"] = 0.5


# What happens before each step: something set, other gradients, some of them None, the same list again.
EDITS: list[Callable[[optim.Optimizer], None] | None] = [None, set_lr, None, set_schedule, None, set_decay, set_all_lr]
HELD = arrays(100)


def gradients(step: int) -> list[np.ndarray | None]:
    if step % 4 == 1:
        return list(HELD)
    if step % 4 == 2:
        return [None, HELD[1], HELD[2]]
    if step % 4 == 3:
        return [HELD[0], None, None]
    return list(arrays(step))


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_whatever_is_set_and_given_between_steps(name: str) -> None:
    make = getattr(optim, name)
    kept_params, fresh_params = arrays(0), arrays(0)
    kept = make(groups_of(kept_params), lr=0.01)
    for step in range(14):
        edit, grads = EDITS[step % len(EDITS)], gradients(step)
        before = make(groups_of(fresh_params), lr=0.01)
        before.load_state_dict(kept.state_dict())
        for optimizer in (kept, before):
            if edit:
                edit(optimizer)
            assert optimizer.step(grads)
        for a, b in zip(kept_params, fresh_params, strict=True):
            assert_same_bits(a, b)
        assert kept.step_count == before.step_count == step + 1
        for index, found in before.state_dict()["state"].items():
            for key, value in found.items():
                assert_same_bits(kept.state_dict()["state"][index][key], value)


def test_a_model_may_freeze_prune_and_change_between_steps() -> None:
    model = sprat.nn.MLP([4, 6, 2], seed=0)
    optimizer = optim.Adam(model, lr=0.1)
    gradient = np.ones_like(model.params)
    optimizer.step(gradient)
    model.freeze(0)
    frozen = model.parameters()["layers.0.weight"].copy()
    optimizer.step(gradient)
    assert_same_bits(model.parameters()["layers.0.weight"], frozen)
    model.unfreeze()
    optimizer.step(gradient)
    assert (model.parameters()["layers.0.weight"] != frozen).all()
    mask = np.ones((2, 6), np.uint8)
    mask[1] = 0
    model.set_mask("layers.1.weight", mask)
    optimizer.step(gradient)
    assert not model.parameters()["layers.1.weight"][1].any()
    model.set_mask("layers.1.weight", None)
    optimizer.step(gradient)
    assert model.parameters()["layers.1.weight"][1].all()
    assert [int(state["step"]) for state in optimizer.state_dict()["state"].values()] == [4, 4, 5, 5]


def test_a_refused_setting_is_refused_at_every_step_until_it_is_mended() -> None:
    w = np.ones(3)
    optimizer = optim.Adam([w], lr=0.1)
    optimizer.step([np.ones(3)])
    after_one = w.copy()
    optimizer.param_groups[0]["amsgrad"] = True
    for _ in range(2):
        with pytest.raises(ValueError, match="these values need other states"):
            optimizer.step()
    assert_same_bits(w, after_one)
    optimizer.param_groups[0]["amsgrad"] = False
    assert optimizer.step()


def test_a_refused_gradient_leaves_those_bound_before() -> None:
    w, g = np.ones(3), np.ones(3)
    optimizer = optim.SGD([w], lr=1.0)
    optimizer.step([g])
    with pytest.raises(ValueError, match="^grads"):
        optimizer.step([np.ones(4)])
    assert optimizer.step()
    assert w.tolist() == [-1.0] * 3
