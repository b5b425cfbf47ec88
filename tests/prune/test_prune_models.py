"""Pruning of models: masks, neurons that really go, and the schedule."""

from __future__ import annotations

import numpy as np
import pytest

import sprat
from sprat import nn, optim, prune
from support import assert_same_bits, assert_same_everywhere


def model(seed: int = 0, **options: object) -> nn.MLP:
    return nn.MLP([12, 20, 16, 3], seed=seed, **options)


def weights(m: nn.MLP) -> dict[str, np.ndarray]:
    return {name: w for name, w in m.parameters().items() if name.endswith(".weight")}


def test_threshold_masks_weights_and_leaves_biases() -> None:
    m = model()
    for name, values in m.parameters().items():
        if name.endswith(".bias"):
            values[...] = 1e-6
    masks = prune.threshold(m, 0.1)
    for name, w in weights(m).items():
        assert_same_bits(masks[name], (w != 0).astype(np.uint8))
        assert_same_bits(m.masks[name], masks[name])
        assert (np.abs(w[w != 0]) >= np.float32(0.1)).all()
    assert (m.parameters()["layers.0.bias"] == np.float32(1e-6)).all()


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_magnitude_is_exact(scope: str) -> None:
    m = model()
    sizes = {name: w.size for name, w in weights(m).items()}
    masks = prune.magnitude(m, 0.75, scope=scope)
    zeros = {name: int((w == 0).sum()) for name, w in weights(m).items()}
    assert zeros == {name: int((mask == 0).sum()) for name, mask in masks.items()}
    if scope == "layer":
        assert zeros == {name: round(0.75 * size) for name, size in sizes.items()}
    assert sum(zeros.values()) == sum(
        [round(0.75 * sum(sizes.values()))] if scope == "global" else [round(0.75 * s) for s in sizes.values()]
    )
    assert prune.report(m).zeros == sum(zeros.values())


def test_sparsity_by_layer() -> None:
    m = model()
    prune.magnitude(m, {0: 0.5, 2: 0.25})
    assert set(m.masks) == {"layers.0.weight", "layers.2.weight"}
    assert int((m.masks["layers.2.weight"] == 0).sum()) == 12


def test_what_was_pruned_stays_pruned() -> None:
    m = model()
    prune.magnitude(m, 0.5)
    first = {name: mask.copy() for name, mask in m.masks.items()}
    prune.threshold(m, 0.0)  # removes nothing, and brings nothing back
    for name, mask in first.items():
        assert_same_bits(m.masks[name], mask)
    prune.magnitude(m, 0.8)
    for name, mask in first.items():
        assert not (m.masks[name] & ~mask & 1).any()


@pytest.mark.parametrize("make", [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW, optim.NAdam])
def test_retraining_keeps_masked_weights_and_their_state_at_zero(make: type) -> None:
    m = model()
    x = np.random.default_rng(0).normal(size=(64, 12)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 3, 64)
    extra = {"momentum": 0.9} if make is optim.SGD else {}
    optimizer = make(m, lr=0.01, **extra)
    _, grads = m.loss_and_gradients(x, y)
    optimizer.step(grads)
    prune.magnitude(m, 0.6)
    for _ in range(3):
        _, grads = m.loss_and_gradients(x, y)
        optimizer.step(grads)
    state = optimizer.state_dict()["state"]
    for i, (name, values) in enumerate(m.parameters().items()):
        if name in m.masks:
            gone = m.masks[name] == 0
            assert (values[gone] == 0).all()
            for key, array in state[i].items():
                if key != "step" and np.ndim(array):
                    assert (np.asarray(array)[gone] == 0).all(), (name, key)


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("criterion", ["l1", "l2"])
def test_neurons_really_go(scope: str, criterion: str) -> None:
    m = model()
    before = {name: values.copy() for name, values in m.parameters().items()}
    kept = prune.neurons(m, 0.5, scope=scope, criterion=criterion)
    assert sum(spec.out_features for spec in m.layers[:-1]) == 18
    after = m.parameters()
    rows, columns = kept[0], kept[1]
    assert_same_bits(after["layers.0.weight"], before["layers.0.weight"][rows])
    assert_same_bits(after["layers.0.bias"], before["layers.0.bias"][rows])
    assert_same_bits(after["layers.1.weight"], before["layers.1.weight"][columns][:, rows])
    assert_same_bits(after["layers.2.weight"], before["layers.2.weight"][:, columns])
    assert m(np.zeros((2, 12), np.float32)).shape == (2, 3)


def test_masks_and_optimizer_state_shrink_together() -> None:
    """Pruning in the middle of training equals training a smaller model whose state was cut the same way."""
    m = model(activation="tanh")
    x = np.random.default_rng(0).normal(size=(32, 12)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 3, 32)
    optimizer = optim.Adam(m, lr=0.01, ema_decay=0.9)
    for _ in range(3):
        optimizer.step(m.loss_and_gradients(x, y)[1])
    prune.magnitude(m, 0.3)
    optimizer.step(m.loss_and_gradients(x, y)[1])
    state = {i: {k: np.copy(v) for k, v in s.items()} for i, s in optimizer.state_dict()["state"].items()}
    masks = {name: mask.copy() for name, mask in m.masks.items()}
    kept = prune.neurons(m, 0.25, optimizer=optimizer)
    names = list(m.parameters())
    small = optimizer.state_dict()["state"]
    i = names.index("layers.1.weight")
    for key in ("exp_avg", "exp_avg_sq"):
        assert_same_bits(np.asarray(small[i][key]), state[i][key][kept[1]][:, kept[0]])
    assert_same_bits(m.masks["layers.1.weight"], np.ascontiguousarray(masks["layers.1.weight"][kept[1]][:, kept[0]]))
    for _ in range(3):
        optimizer.step(m.loss_and_gradients(x, y)[1])
    assert (m.parameters()["layers.1.weight"][m.masks["layers.1.weight"] == 0] == 0).all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "silu", "leaky_relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_removing_dead_neurons_leaves_the_bits(activation: str, dtype: str, rng: np.random.Generator) -> None:
    """Also across the 512 inputs that a matrix product takes at a time."""
    m = nn.MLP([30, 1100, 40, 5], activation=activation, dtype=dtype, seed=3)
    p = m.parameters()
    p["layers.1.weight"][:, rng.permutation(1100)[:700]] = 0  # nobody listens
    silent = rng.permutation(1100)[:200]
    p["layers.0.weight"][silent] = 0
    p["layers.0.bias"][silent] = 0  # says nothing
    p["layers.2.weight"][:, ::3] = 0
    x = rng.normal(size=(17, 30)).astype(dtype)
    before = m(x)
    kept = prune.remove_dead(m)
    assert m.layers[0].out_features < 400
    assert m.layers[1].out_features == 40 - 14
    assert kept[1].tolist() == [i for i in range(40) if i % 3]
    assert_same_bits(m(x), before)


def test_one_dead_neuron_can_kill_another() -> None:
    m = nn.MLP([4, 3, 3, 2], seed=0)
    p = m.parameters()
    p["layers.2.weight"][:, 0] = 0
    p["layers.1.weight"][1:, 2] = 0  # only neuron 0 of layer 1 listens to neuron 2 of layer 0
    kept = prune.remove_dead(m)
    assert {layer: index.tolist() for layer, index in kept.items()} == {0: [0, 1], 1: [1, 2]}


def test_a_layer_keeps_one_neuron() -> None:
    m = model()
    prune.neurons(m, 1.0)
    assert [spec.out_features for spec in m.layers] == [1, 1, 3]
    m.parameters()["layers.2.weight"][...] = 0
    prune.remove_dead(m)
    assert [spec.out_features for spec in m.layers] == [1, 1, 3]


def test_same_bits_everywhere() -> None:
    def compute() -> list[np.ndarray]:
        m = model(seed=5)
        prune.magnitude(m, 0.5)
        prune.neurons(m, 0.3, scope="global")
        return list(m.parameters().values())

    assert_same_everywhere(compute)


def test_schedule_is_that_of_the_paper() -> None:
    schedule = prune.GradualSchedule(0.1, 0.8, begin_step=100, end_step=500, every=50)
    assert schedule(99) == 0
    assert schedule(100) == pytest.approx(0.1)
    assert schedule(300) == pytest.approx(0.8 - 0.7 * 0.5**3)
    assert schedule(500) == schedule(10**9) == 0.8
    assert [s for s in range(90, 520) if schedule.is_due(s)] == list(range(100, 501, 50))
    assert prune.GradualSchedule(**schedule.config()) == schedule


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda m: prune.threshold(m, -1), "t: wanted a number of at least 0, got -1"),
        (lambda m: prune.threshold(m, float("nan")), "t: wanted a number of at least 0, got nan"),
        (lambda m: prune.threshold(m, 1, layers=[3]), "layers: the model has layers 0 to 2, got 3"),
        (lambda m: prune.magnitude(m, 1.5), "sparsity: wanted a number in [0, 1], got 1.5"),
        (lambda m: prune.magnitude(m, {0: 0.5, 1: -1}), "sparsity[1]: wanted a number in [0, 1], got -1"),
        (lambda m: prune.magnitude(m, {0: 0.5, 9: 0.5}), "layers: the model has layers 0 to 2, got 9"),
        (lambda m: prune.magnitude(m, 0.5, scope="all"), "scope: wanted 'global' or 'layer', got 'all'"),
        (lambda m: prune.neurons(m, 1.5), "amount: wanted a share from 0.0 to 1.0 or a number from 0 to 20, got 1.5"),
        (lambda m: prune.neurons(m, True), "amount: wanted a share from 0.0 to 1.0 or a number from 0 to 20, got True"),
        (lambda m: prune.neurons(m, 0.5, layers=[2]), "layers: wanted hidden layers, 0 to 1, got 2"),
        (
            lambda m: prune.neurons(m, 0.5, criterion="l3"),
            "criterion: wanted 'l2', 'l1', 'activation', 'firing', 'variance', 'taylor' or a function, got 'l3'",
        ),
    ],
)
def test_refused_calls_change_nothing(call: object, line: str) -> None:
    m = model()
    before = m.params.tobytes()
    with pytest.raises(ValueError) as caught:
        call(m)  # type: ignore[operator]
    assert str(caught.value) == line
    assert m.params.tobytes() == before
    assert m.masks == {}


def test_nan_has_no_rank() -> None:
    m = model()
    m.parameters()["layers.2.weight"][0, 0] = np.nan
    before = m.params.tobytes()
    with pytest.raises(ValueError, match="^target: layers.2.weight holds NaN, which has no rank$"):
        sprat.prune.magnitude(m, 0.5, scope="layer")
    assert m.params.tobytes() == before
