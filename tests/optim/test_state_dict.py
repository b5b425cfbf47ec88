"""State dicts: a resumed run is the uninterrupted one; whatever does not fit is refused before anything changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference.optim import CASES, case_id
from sprat import optim
from sprat.errors import FormatError
from sprat.optim import schedules
from support import assert_same_bits, unchanged

SHAPES = [(3, 4), (7,), (2, 1)]


def arrays(seed: int, dtype: Any = np.float32) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_resumed_is_uninterrupted(name: str, options: dict[str, Any]) -> None:
    through, resumed = arrays(0), arrays(0)
    first = getattr(optim, name)(through, ema_decay=0.9, **options)
    early = getattr(optim, name)(resumed, ema_decay=0.9, **options)
    for step in range(1, 6):
        first.step(arrays(step))
        early.step(arrays(step))
    late = getattr(optim, name)(resumed, ema_decay=0.9)  # the hyper-parameters come with the state
    late.load_state_dict(copy.deepcopy(early.state_dict()))
    del early
    for step in range(6, 25):
        first.step(arrays(step))
        late.step(arrays(step))
    for a, b in zip([*through, *first.ema], [*resumed, *late.ema], strict=True):
        assert_same_bits(a, b)
    for ours, theirs in zip(first.state, late.state, strict=True):
        for key, values in ours.items():
            assert_same_bits(values, theirs[key])
    assert first.step_count == late.step_count == 24


def test_a_state_dict_is_a_copy() -> None:
    optimizer = optim.Adam(arrays(0), ema_decay=0.5)
    optimizer.step(arrays(1))
    state = optimizer.state_dict()
    check = unchanged(state["state"][0]["exp_avg"], state["sprat"]["ema"][0], state["state"][1]["step"])
    optimizer.step(arrays(2))
    check()
    other = optim.Adam(arrays(0), ema_decay=0.5)
    other.load_state_dict(state)
    other.step(arrays(2))
    check()


def test_schedules_travel() -> None:
    schedule = schedules.Warmup(3, schedules.Cosine(0.5, steps=10))
    optimizer = optim.SGD(arrays(0), lr=schedule)
    for step in range(4):
        optimizer.step(arrays(step))
    state = optimizer.state_dict()
    assert state["param_groups"][0]["lr"] == schedule(4)
    other = optim.SGD(arrays(0), lr=3.0)
    other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == schedule
    assert other.lr == schedule(4)


def test_groups_and_skipped_steps_travel() -> None:
    def make() -> optim.Optimizer:
        a, b, c = arrays(0)
        return optim.SGD([{"params": [a, b], "lr": 0.5}, {"params": {"c": c}}], nonfinite="skip")

    optimizer = make()
    optimizer.step(arrays(1))
    optimizer.step([np.full(shape, np.nan, np.float32) for shape in SHAPES])
    optimizer.param_groups[1]["momentum"] = 0.0
    optimizer.param_groups[1]["weight_decay"] = 0.25
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0, 1], [2]]
    assert state["param_groups"][1]["param_names"] == ["c"]
    other = make()
    other.load_state_dict(state)
    assert [group["lr"] for group in other.param_groups] == [0.5, 1e-3]
    assert other.param_groups[1]["weight_decay"] == 0.25
    assert (other.step_count, other.skipped_steps) == (1, 1)


def test_parameters_count_their_own_steps() -> None:
    """None instead of a gradient leaves a parameter, its state and its count alone, as in torch."""
    params = [np.zeros(2), np.zeros(2)]
    optimizer = optim.Adam(params, lr=0.1)
    ones = np.ones(2)
    optimizer.step([ones, None])
    optimizer.step([None, None])
    optimizer.step([ones, ones])
    state = optimizer.state_dict()["state"]
    assert (float(state[0]["step"]), float(state[1]["step"]), optimizer.step_count) == (2, 1, 3)
    alone = np.zeros(2)
    optim.Adam([alone], lr=0.1).step([ones])
    assert_same_bits(params[1], alone)
    fresh = optim.Adam([np.zeros(2)])
    assert fresh.state_dict()["state"] == {}


def test_momentum_may_come_with_the_state() -> None:
    """An optimizer without states loads a dict whose hyper-parameters want some."""
    source, plain = optim.SGD(arrays(0), momentum=0.9), optim.SGD(arrays(0))
    source.step(arrays(1))
    plain.load_state_dict(source.state_dict())
    for ours, theirs in zip(plain.state, source.state, strict=True):
        assert_same_bits(ours["momentum_buffer"], theirs["momentum_buffer"])


def test_floats_of_another_width_are_cast() -> None:
    wide, narrow = optim.Adam(arrays(0, np.float64)), optim.Adam(arrays(0))
    wide.step(arrays(1, np.float64))
    narrow.load_state_dict(wide.state_dict())
    assert narrow.state[0]["exp_avg"].dtype == np.float32
    np.testing.assert_allclose(narrow.state[0]["exp_avg"], wide.state[0]["exp_avg"], rtol=1e-7)


def test_without_averages_they_begin_again() -> None:
    plain, averaging = optim.SGD(arrays(0)), optim.SGD(arrays(5), lr=0.5, ema_decay=0.9)
    averaging.step(arrays(1))
    averaging.load_state_dict(plain.state_dict())
    for average, group in zip(averaging.ema, averaging.param_groups[0]["params"], strict=True):
        assert_same_bits(average, group)


def edit(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets state["a"]["b"] for the path "a/b"; digits are indices."""

    def apply(state: dict[str, Any]) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        target: Any = state
        for key in parents:
            target = target[key]
        if value is KeyError:
            del target[last]
        else:
            target[last] = value

    return apply


WRONG: list[tuple[str, Any, str]] = [
    ("state", KeyError, "state_dict: 'state' is missing"),
    ("param_groups", KeyError, "state_dict: 'param_groups' is missing"),
    ("state", [], "state_dict['state']: wanted a dict, got list"),
    ("param_groups", [], "state_dict['param_groups']: wanted a list of 1 groups"),
    ("param_groups/0", 3, "state_dict['param_groups'][0]: wanted a dict, got int"),
    ("param_groups/0/lr", -1, "state_dict['param_groups'][0]: lr: wanted a finite number of at least 0, got -1"),
    ("param_groups/0/betas", (0.9, 2.0), "state_dict['param_groups'][0]: betas[1]: wanted a number"),
    ("param_groups/0/speed", 9, "state_dict['param_groups'][0]: 'speed' is none of lr, betas"),
    ("param_groups/0/params", [0, 1], "state_dict['param_groups'][0]['params']: wanted a list of 3 parameters"),
    ("param_groups/0/params", [0, 1, 1], "state_dict['param_groups']: a parameter appears twice"),
    ("param_groups/0/lr_schedule", {"name": "magic"}, "schedule: name: wanted one of"),
    ("state/9", {}, "state_dict['state']: there is no parameter 9"),
    ("state/1", 5, "state_dict['state'][1]: wanted a dict, got int"),
    ("state/1/exp_avg", KeyError, "state_dict['state'][1]: 'exp_avg' is missing"),
    ("state/1/exp_avg", np.zeros(6), "state_dict['state'][1]['exp_avg']: wanted shape (7,), got (6,)"),
    ("state/1/exp_avg", np.zeros(7, int), "state_dict['state'][1]['exp_avg']: wanted an array of floats, got int64"),
    ("state/1/exp_avg", "big", "state_dict['state'][1]['exp_avg']: wanted an array of floats, got <U3"),
    ("state/1/momentum", np.zeros(7), "state_dict['state'][1]: 'momentum' is none of exp_avg, exp_avg_sq, step"),
    ("state/2/step", np.array(-1.0), "state_dict['state'][2]['step']: wanted a whole number of steps, got -1.0"),
    ("state/2/step", np.array(1.5), "state_dict['state'][2]['step']: wanted a whole number of steps, got 1.5"),
    ("state/2/step", np.nan, "state_dict['state'][2]['step']: wanted a whole number of steps, got nan"),
    ("state/2/step", np.ones(2), "state_dict['state'][2]['step']: wanted a number, got array([1., 1.])"),
    ("sprat/version", 99, "state_dict['sprat']: version 99 is unknown, wanted 1"),
    ("sprat/step_count", -2, "state_dict['sprat']['step_count']: wanted a whole number of steps, got -2.0"),
    ("sprat/ema/1", KeyError, "state_dict['sprat']['ema']: 1 is missing"),
    ("sprat/ema/1", np.zeros(2), "state_dict['sprat']['ema'][1]: wanted shape (7,), got (2,)"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_refused(path: str, value: Any, message: str) -> None:
    source = optim.Adam(arrays(0), ema_decay=0.9)
    source.step(arrays(1))
    state = copy.deepcopy(source.state_dict())
    edit(path, value)(state)
    params = arrays(3)
    optimizer = optim.Adam(params, lr=0.5, ema_decay=0.9)
    optimizer.step(arrays(4))
    check = unchanged(*params, *optimizer.ema, *(a for entry in optimizer.state for a in entry.values()))
    with pytest.raises((TypeError, ValueError, FormatError)) as error:
        optimizer.load_state_dict(state)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    check()
    assert (optimizer.step_count, optimizer.lr) == (1, 0.5)
    assert optimizer.step(arrays(5))


def test_averages_need_an_optimizer_that_keeps_them() -> None:
    source = optim.Adam(arrays(0), ema_decay=0.9)
    with pytest.raises(ValueError, match="this optimizer was made without ema_decay"):
        optim.Adam(arrays(0)).load_state_dict(source.state_dict())


def test_another_optimizers_state() -> None:
    source = optim.RMSprop(arrays(0))
    source.step(arrays(1))
    with pytest.raises(ValueError, match="'momentum' is none of lr, betas"):
        optim.Adam(arrays(0)).load_state_dict(source.state_dict())
    with pytest.raises(TypeError, match="state_dict: wanted a dict, got NoneType"):
        optim.Adam(arrays(0)).load_state_dict(None)  # type: ignore[arg-type]


def test_nadams_product_is_checked() -> None:
    optimizer = optim.NAdam(arrays(0))
    optimizer.step(arrays(1))
    state = optimizer.state_dict()
    state["state"][0]["mu_product"] = np.array(2.0)
    with pytest.raises(ValueError, match=r"\['mu_product'\]: wanted a number from 0 to 1, got 2.0"):
        optimizer.load_state_dict(state)
