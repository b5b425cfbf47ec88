"""Scores of weights and importances of neurons against their formulas, and what bias correction saves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sprat import nn, optim, prune
from sprat.nn import losses
from sprat.prune.importance import importances
from sprat.prune.scores import RunningScores
from support import assert_same_bits, assert_same_everywhere


def model(dtype: str = "float64", **options: Any) -> nn.MLP:
    m = nn.MLP([6, 9, 7, 3], activation="tanh", dtype=dtype, seed=2, **options)
    for name, values in m.parameters().items():
        if name.endswith("bias"):
            values[...] = np.linspace(-0.3, 0.4, values.size)
    return m


def rows(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(count, 6)), rng.integers(0, 3, count)


def test_taylor_of_weights() -> None:
    m = model(dropout=0.5)
    x, y = rows()
    m.freeze(0)
    before = m.params.copy()
    squares = dict.fromkeys(m.parameters(), 0.0)
    plain = m.copy()
    plain.unfreeze()
    for start in range(0, 200, 64):
        _, gradients = plain.loss_and_gradients(x[start : start + 64], y[start : start + 64], training=False)
        for name, w in m.parameters().items():
            squares[name] = squares[name] + (w * gradients[name]) ** 2
    masks = prune.weights(m.copy(), 0.5, criterion="taylor", data=(x, y), scope="layer")
    for name, mask in masks.items():
        scores = np.asarray(squares[name])
        assert scores[mask == 1].min() > scores[mask == 0].max()
    assert_same_bits(m.params, before)
    assert m.frozen == {"layers.0.weight", "layers.0.bias"}


def test_movement_is_the_sum_of_minus_w_g() -> None:
    running = RunningScores("movement")
    rng = np.random.default_rng(0)
    wanted = np.zeros((3, 4))
    for _ in range(5):
        w, g = rng.normal(size=(2, 3, 4))
        running.add({"w": w, "frozen": w}, {"w": g})
        wanted -= w * g
    assert set(running.scores()) == {"w"}
    np.testing.assert_allclose(running.scores()["w"], wanted, rtol=1e-12)
    again = RunningScores("movement")
    again.load_state_dict(running.state_dict())
    assert_same_bits(again.scores()["w"], running.scores()["w"])


def test_own_scores_and_negative_ones() -> None:
    m = model()
    scores = {
        name: -np.arange(w.size, dtype=float).reshape(w.shape) for name, w in m.parameters().items() if w.ndim == 2
    }
    masks = prune.weights(m, 0.5, criterion=scores, scope="layer")
    flat = masks["layers.1.weight"].reshape(-1)
    assert flat.tolist() == [1] * 31 + [0] * 32  # half of 63 rounds to the even 32
    again = prune.weights(m, 0.75, criterion=lambda net: scores, scope="layer")
    assert (again["layers.1.weight"] <= masks["layers.1.weight"]).all()


def test_criteria_of_neurons() -> None:
    m = model(dropout=0.3)
    x, y = rows(1500)
    p, loss = m.parameters(), losses.CrossEntropy()
    for layer in (0, 1):
        a = m.hidden(x, layer)
        out = np.linalg.norm(p[f"layers.{layer + 1}.weight"], axis=0)

        # Gradient at the neurons by finite differences of the loss of each row.
        def value(activations: np.ndarray, layer: int = layer) -> np.ndarray:
            for i in range(layer + 1, 3):
                z = activations @ p[f"layers.{i}.weight"].T + p[f"layers.{i}.bias"]
                activations = np.tanh(z) if i < 2 else z
            shifted = activations - activations.max(axis=1, keepdims=True)
            return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]

        gradient = np.empty_like(a)
        for n in range(a.shape[1]):
            step = np.zeros_like(a)
            step[:, n] = 1e-6
            gradient[:, n] = (value(a + step) - value(a - step)) / 2e-6
        means = a.mean(axis=0)
        wanted = {
            "activation": np.abs(a).mean(axis=0) * out,
            "firing": (a != 0).mean(axis=0),
            "variance": a.std(axis=0) * out,
            "taylor": np.abs(a * gradient).mean(axis=0),
        }
        for criterion, values in wanted.items():
            found = importances(m, [layer], criterion, (x, y), loss, None)[layer]
            np.testing.assert_allclose(found, values, rtol=1e-5)
        found = importances(m, [layer], "taylor", (x, y), None, {layer: means})[layer]
        np.testing.assert_allclose(found, np.abs((a - means) * gradient).mean(axis=0), rtol=1e-5)


def test_bias_correction_of_a_constant_neuron_is_exact() -> None:
    m = model()
    x, _ = rows()
    p = m.parameters()
    p["layers.0.weight"][[2, 5]] = 0  # they always say tanh(bias)
    before = m(x)
    kept = prune.neurons(m, 2, criterion="variance", data=x, layers=[0])
    assert kept[0].tolist() == [0, 1, 3, 4, 6, 7, 8]
    np.testing.assert_allclose(m(x), before, rtol=1e-12)


def test_bias_correction_follows_layers_that_shrink_together_and_averages() -> None:
    m = model()
    x, y = rows()
    optimizer = optim.Adam(m, lr=1e-3, ema_decay=0.5)
    optimizer.step(m.loss_and_gradients(x, y)[1])
    plain, corrected = m.copy(), m
    means = {layer: m.hidden(x, layer).mean(axis=0) for layer in (0, 1)}
    outgoing = {layer: m.parameters()[f"layers.{layer + 1}.weight"].copy() for layer in (0, 1)}
    average = {name: values.copy() for name, values in optimizer.ema.items()}
    kept = prune.neurons(plain, 0.5, criterion="taylor", data=(x, y), bias_correction=False)
    kept = prune.neurons(corrected, 0.5, criterion="variance", data=x, optimizer=optimizer)
    for layer in (0, 1):
        gone = np.setdiff1d(np.arange(means[layer].size), kept[layer])
        said = outgoing[layer][:, gone] @ means[layer][gone]
        name = f"layers.{layer + 1}.bias"
        rows_kept = kept.get(layer + 1, np.arange(3))
        np.testing.assert_allclose(optimizer.ema[name], (average[name] + said)[rows_kept], rtol=1e-12)
    optimizer.step(m.loss_and_gradients(x, y)[1])


def test_constants_go_into_biases() -> None:
    m = model(dtype="float32")
    x, _ = rows()
    p = m.parameters()
    p["layers.0.weight"][3] = 0
    p["layers.1.weight"][:, 6] = 0
    before = m(x)
    assert prune.remove_dead(m.copy())[0].tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    assert prune.remove_dead(m, constants=True)[0].tolist() == [0, 1, 2, 4, 5, 7, 8]
    np.testing.assert_allclose(m(x), before, atol=1e-5)


def test_same_bits_everywhere() -> None:
    x, y = rows(300)

    def compute() -> list[np.ndarray]:
        m = model("float32")
        prune.weights(m, 0.3, criterion="taylor", data=(x, y))
        prune.neurons(m, 0.3, criterion="taylor", data=(x, y))
        prune.neurons(m, 0.3, criterion="variance", data=x)
        return list(m.parameters().values())

    assert_same_everywhere(compute)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda m: prune.weights(m, 0.5, criterion="size"), "criterion: wanted 'magnitude', 'taylor', scores or a function, got 'size'"),
        (lambda m: prune.weights(m, 0.5, criterion="taylor"), "data: criterion 'taylor' wants (x, y), got None"),
        (lambda m: prune.weights(m, 0.5, criterion="movement"), "criterion: 'movement' adds up while a model trains; see training.GradualPruning"),
        (lambda m: prune.weights(m, 0.5, criterion=lambda _: None), "criterion: wanted a function that gives arrays by name, it gave a NoneType"),
        (lambda m: prune.weights(m, 0.5, criterion={}), "criterion: wanted scores for layers.0.weight, got none"),
        (lambda m: prune.weights(m, 0.5, criterion="taylor", data=(np.ones((2, 5)), [0, 1])), "data x: wanted shape (rows, 6), got (2, 5)"),
        (lambda m: prune.neurons(m, 0.5, criterion="variance"), "data: criterion 'variance' wants rows, got None"),
        (lambda m: prune.neurons(m, 0.5, criterion="taylor"), "data: criterion 'taylor' wants (x, y), got None"),
        (lambda m: prune.neurons(m, 0.5, bias_correction=True), "bias_correction: wants data, got None"),
        (lambda m: prune.neurons(m, 0.5, criterion="taylor", data=np.ones((2, 6))), "data: wanted (x, y) or (x, y, sample_weight), got ndarray"),
    ],
)  # fmt: skip
def test_refused_calls_change_nothing(call: Any, line: str) -> None:
    m = model()
    before = m.params.tobytes()
    with pytest.raises((TypeError, ValueError)) as caught:
        call(m)
    assert str(caught.value) == line
    assert m.params.tobytes() == before
    assert m.masks == {}


def test_bias_correction_needs_a_bias() -> None:
    m = nn.MLP([6, 9, 3], bias=False, seed=0)
    x, _ = rows()
    with pytest.raises(ValueError, match=r"^bias_correction: layer 1 has no bias$"):
        prune.neurons(m, 0.5, data=x, bias_correction=True)
    assert len(prune.neurons(m, 0.5, criterion="variance", data=x)[0]) == 5
