"""States, averages and masks follow parameters that were cut, renamed or replaced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference.optim import CASES, case_id
from sprat import nn, optim
from support import assert_same_bits


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_cutting_commutes_with_stepping(name: str, options: dict[str, Any]) -> None:
    """Rows and columns cut after three steps: the rest goes on as if it had always been alone."""
    rng = np.random.default_rng(4)
    rows, columns = np.array([0, 2, 3]), np.array([1, 4])
    whole = {"w": rng.standard_normal((4, 5)), "b": rng.standard_normal(4)}
    small = {"w": whole["w"][np.ix_(rows, columns)].copy(), "b": whole["b"][rows].copy()}
    grads = [{"w": rng.standard_normal((4, 5)), "b": rng.standard_normal(4)} for _ in range(6)]
    cut_grads = [{"w": g["w"][np.ix_(rows, columns)].copy(), "b": g["b"][rows].copy()} for g in grads]
    mask = (rng.random((4, 5)) < 0.7).astype(np.uint8)

    alone = getattr(optim, name)(small, ema_decay=0.8, masks={"w": mask[np.ix_(rows, columns)].copy()}, **options)
    cut = getattr(optim, name)(whole, ema_decay=0.8, masks={"w": mask}, **options)
    for step in range(3):
        alone.step(cut_grads[step])
        cut.step(grads[step])
    rest = {"w": whole["w"][np.ix_(rows, columns)].copy(), "b": whole["b"][rows].copy()}
    cut.rebind(rest, {"w": (rows, columns), "b": (rows,)})
    for step in range(3, 6):
        alone.step(cut_grads[step])
        cut.step(cut_grads[step])
    for key in ("w", "b"):
        assert_same_bits(rest[key], small[key])
        assert_same_bits(cut.ema[key], alone.ema[key])
        for state, values in alone.state[key].items():
            assert_same_bits(cut.state[key][state], values)
    assert cut.step_count == 6


def test_renamed_and_new_parameters() -> None:
    optimizer = optim.Adam({"a": np.zeros(3), "b": np.zeros(2)}, lr=0.1)
    for _ in range(2):
        optimizer.step({"a": np.ones(3), "b": np.ones(2)})
    kept = optimizer.state["b"]["exp_avg"]
    optimizer.rebind({"c": np.zeros(2), "a": np.zeros((4, 4))}, renamed={"c": "b"})
    assert optimizer.state["c"]["exp_avg"] is kept
    assert not optimizer.state["a"]["exp_avg"].any()  # another shape, and no map: it begins anew
    optimizer.step({"c": np.ones(2), "a": np.ones((4, 4))})
    steps = {index: float(entry["step"]) for index, entry in optimizer.state_dict()["state"].items()}
    assert steps == {0: 3, 1: 1}
    assert optimizer.step_count == 3


@pytest.mark.parametrize(
    ("index_maps", "message"),
    [
        ({"w": ([0],)}, "index_maps['w']: wanted an entry for each of 2 axes, got 1"),
        ({"w": ([0, 9], None)}, "index_maps['w'][0]: wanted indices from 0 to 2, or None"),
        ({"w": ([0.5], None)}, "index_maps['w'][0]: wanted indices from 0 to 2, or None"),
        ({"w": ([0], None)}, "index_maps['w']: keeps shape (1, 4), the parameter has (2, 4)"),
        ({"x": ([0], None)}, "index_maps: there is no parameter 'x'"),
    ],
)
def test_bad_maps_change_nothing(index_maps: Any, message: str) -> None:
    w = np.zeros((3, 4))
    optimizer = optim.Adam({"w": w})
    optimizer.step({"w": np.ones((3, 4))})
    with pytest.raises(ValueError, match="index_maps") as error:
        optimizer.rebind({"w": np.zeros((2, 4))}, index_maps)
    assert str(error.value) == message
    assert optimizer.step({"w": np.ones((3, 4))})
    assert w.any()


def test_only_named_parameters() -> None:
    with pytest.raises(TypeError, match="rebind: wants named parameters"):
        optim.SGD([np.zeros(2)]).rebind({"w": np.zeros(2)})
    with pytest.raises(ValueError, match="renamed: there was no parameter 'x'"):
        optim.SGD({"w": np.zeros(2)}).rebind({"w": np.zeros(2)}, renamed={"w": "x"})


# ---- models


def model_and_gradients() -> tuple[nn.MLP, dict[str, np.ndarray]]:
    model = nn.MLP([6, 5, 2], seed=3)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 6)).astype(np.float32), rng.integers(0, 2, 20)
    _, gradients = model.loss_and_gradients(x, y, loss="cross_entropy")
    return model, gradients


def test_a_model_by_name_flat_and_bound() -> None:
    """Gradients by name, as the flat array and bound before give the same bits."""
    results = []
    for way in ("named", "flat", "bound"):
        model, gradients = model_and_gradients()
        optimizer = optim.Adam(model, lr=0.1)
        if way == "bound":
            optimizer.bind(gradients)
        for _ in range(3):
            optimizer.step({"named": gradients, "flat": gradients.flat, "bound": None}[way])
        results.append(model.params.copy())
    assert_same_bits(results[0], results[1])
    assert_same_bits(results[0], results[2])


def test_a_model_brings_its_masks() -> None:
    model, gradients = model_and_gradients()
    optimizer = optim.Adam(model, lr=0.1, weight_decay=0.1)
    optimizer.step(gradients)
    mask = np.ones((5, 6), np.uint8)
    mask[1] = 0
    model.set_mask("layers.0.weight", mask)
    optimizer.step(gradients.flat)
    weight = model.parameters()["layers.0.weight"]
    assert not weight[1].any()
    assert not optimizer.state["layers.0.weight"]["exp_avg"][1].any()
    model.set_mask("layers.0.weight", None)
    optimizer.step(gradients.flat)
    assert weight[1].any()


@pytest.mark.parametrize("flat", [False, True])
def test_frozen_parameters_rest_and_keep_their_states(flat: bool) -> None:
    model, gradients = model_and_gradients()
    optimizer = optim.Adam(model, lr=0.1)
    optimizer.step(gradients)
    model.freeze(0)
    frozen = model.parameters()["layers.0.weight"].copy()
    state = optimizer.state["layers.0.weight"]["exp_avg"].copy()
    model_gradients = model.loss_and_gradients(
        np.ones((4, 6), np.float32), np.array([0, 1, 0, 1]), loss="cross_entropy"
    )[1]
    optimizer.step(model_gradients.flat if flat else model_gradients)
    assert_same_bits(model.parameters()["layers.0.weight"], frozen)
    assert_same_bits(optimizer.state["layers.0.weight"]["exp_avg"], state)
    model.unfreeze()
    optimizer.step(gradients)
    steps = [float(optimizer.state_dict()["state"][index]["step"]) for index in range(4)]
    assert steps == [2, 2, 3, 3]


def test_a_cut_model_must_say_how() -> None:
    model, gradients = model_and_gradients()
    optimizer = optim.Adam(model, lr=0.1)
    optimizer.step(gradients)
    rows = np.array([0, 2, 4])
    old = {name: array.copy() for name, array in model.parameters().items()}
    average = optimizer.state["layers.1.weight"]["exp_avg"].copy()
    layers = list(nn.MLP([6, 3, 2]).layers)
    params = {
        "layers.0.weight": old["layers.0.weight"][rows],
        "layers.0.bias": old["layers.0.bias"][rows],
        "layers.1.weight": old["layers.1.weight"][:, rows],
        "layers.1.bias": old["layers.1.bias"],
    }
    model._rebuild(layers, params, {})
    fresh = model.loss_and_gradients(np.ones((4, 6), np.float32), np.array([0, 1, 0, 1]), loss="cross_entropy")[1]
    with pytest.raises(RuntimeError, match=r"'layers.0.weight' has changed its shape: call rebind"):
        optimizer.step(fresh)
    optimizer.rebind(
        model,
        {"layers.0.weight": (rows, None), "layers.0.bias": (rows,), "layers.1.weight": (None, rows)},
    )
    assert_same_bits(optimizer.state["layers.1.weight"]["exp_avg"], np.ascontiguousarray(average[:, rows]))
    before = model.params.copy()
    assert optimizer.step(fresh)
    assert (model.params != before).any()


def test_a_new_head_is_followed() -> None:
    model, gradients = model_and_gradients()
    optimizer = optim.Adam(model, lr=0.1)
    optimizer.step(gradients)
    model.replace_head(2, seed=9)  # the same shape, other weights
    fresh = model.loss_and_gradients(np.ones((4, 6), np.float32), np.array([0, 1, 0, 1]), loss="cross_entropy")[1]
    assert optimizer.step(fresh)
    with pytest.raises(TypeError, match="the parameters of this optimizer are those of its model"):
        optimizer.add_param_group({"params": [np.zeros(2)]})
