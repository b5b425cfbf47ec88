"""Forward and backward against the float64 reference, over shapes, activations and options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.mlp import Mlp
from sprat import nn

# Around the widths of vectors, tiles and blocks of sums.
SIZES = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65, 100, 513])


def batch(rows: int, model: nn.MLP, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, model.in_features)).astype(model.dtype)
    grad = rng.standard_normal((rows, model.out_features)).astype(model.dtype)
    return x, grad


def assert_close(actual: Any, wanted: Any, dtype: np.dtype[Any], terms: int) -> None:
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    tolerance = scale * float(np.finfo(dtype).eps) * (8 + terms**0.5)
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance)


@given(sizes=st.lists(SIZES, min_size=2, max_size=4), rows=SIZES, dtype=st.sampled_from(["float32", "float64"]))
def test_shapes(sizes: list[int], rows: int, dtype: str) -> None:
    model = nn.MLP(sizes, activation="tanh", dtype=dtype, init="glorot_uniform", seed=3)
    reference = Mlp(model)
    x, grad = batch(rows, model)
    terms = max([*sizes, rows])
    assert_close(model(x), reference.forward(x), model.dtype, terms)
    model.forward(x, training=True)
    grad_x = np.empty_like(x)
    gradients = model.backward(grad, grad_x=grad_x)
    wanted, wanted_x = reference.backward(grad)
    assert list(gradients) == list(model.parameters())
    for name in wanted:
        assert_close(gradients[name], wanted[name], model.dtype, 4 * terms)
    assert_close(grad_x, wanted_x, model.dtype, 4 * terms)


@pytest.mark.parametrize("activation", nn.activations.NAMES)
def test_activations(activation: str, isa: str) -> None:
    model = nn.MLP([5, 19, 3], activation=activation, output_activation=activation, dtype="float64", seed=1)
    reference = Mlp(model)
    x, grad = batch(21, model)
    np.testing.assert_allclose(model(x), reference.forward(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(model.forward(x, training=True), reference.forward(x), rtol=1e-12, atol=1e-13)
    wanted, _ = reference.backward(grad)
    for name, values in model.backward(grad).items():
        np.testing.assert_allclose(values, wanted[name], rtol=1e-10, atol=1e-11)


def test_hidden_activations_and_gradients_into_them() -> None:
    model = nn.MLP([4, 9, 7, 2], activation="gelu", dtype="float64", seed=2)
    reference = Mlp(model)
    x, grad = batch(6, model)
    reference.forward(x)
    for layer in (0, 1, -2):
        np.testing.assert_allclose(model.hidden(x, layer), reference.x[layer % 3 + 1], rtol=1e-12)
    model.forward(x, training=True)
    np.testing.assert_allclose(model.training_activations(1), reference.x[2], rtol=1e-12)
    extra = {0: np.full((6, 9), 0.5), 1: np.linspace(-1, 1, 42).reshape(6, 7)}
    wanted, wanted_x = reference.backward(grad, extra)
    grad_x = np.empty_like(x)
    gradients = model.backward(grad, extra, grad_x=grad_x)
    for name in wanted:
        np.testing.assert_allclose(gradients[name], wanted[name], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(grad_x, wanted_x, rtol=1e-11, atol=1e-12)


def test_no_bias_and_one_column() -> None:
    model = nn.MLP([1, 1, 1], bias=False, dtype="float64", activation="identity")
    model.params[:] = [3.0, -2.0]
    assert model([[1.0], [5.0]]).tolist() == [[-6.0], [-30.0]]
    model.forward([[1.0], [5.0]], training=True)
    assert {name: g.tolist() for name, g in model.backward([[1.0], [1.0]]).items()} == {
        "layers.0.weight": [[-12.0]],
        "layers.1.weight": [[18.0]],
    }


def test_zero_rows() -> None:
    model = nn.MLP([4, 3, 2], seed=0)
    assert model(np.empty((0, 4))).shape == (0, 2)
    assert model.hidden(np.empty((0, 4)), 0).shape == (0, 3)
    assert model.forward(np.empty((0, 4)), training=True).shape == (0, 2)
    assert not any(g.any() for g in model.backward(np.empty((0, 2))).values())


def test_frozen_layers_have_no_gradient() -> None:
    model = nn.MLP([4, 8, 8, 3], seed=0)
    x, grad = batch(5, model)
    model.forward(x, training=True)
    everything = model.backward(grad)
    model.freeze(0, "layers.2.bias")
    model.forward(x, training=True)
    some = model.backward(grad)
    assert set(some) == {"layers.1.weight", "layers.1.bias", "layers.2.weight"}
    for name, values in some.items():
        assert values.tobytes() == everything[name].tobytes()
    assert not some.flat[: 8 * 4 + 8].any()
    assert not some.flat[-3:].any()
    model.freeze(0, 1, 2)
    model.forward(x, training=True)
    assert model.backward(grad) == {}
    grad_x = np.empty_like(x)
    model.backward(grad, grad_x=grad_x)
    np.testing.assert_allclose(grad_x, reference_grad_x(model, x, grad), rtol=1e-4, atol=1e-5)


def reference_grad_x(model: nn.MLP, x: np.ndarray, grad: np.ndarray) -> Any:
    reference = Mlp(model)
    reference.forward(x)
    return reference.backward(grad)[1]


def test_gradients_can_be_written_again() -> None:
    model = nn.MLP([4, 8, 3], seed=0)
    x, _ = batch(5, model)
    y = np.arange(5) % 3
    _, first = model.loss_and_gradients(x, y)
    kept = {name: g.copy() for name, g in first.items()}
    _, again = model.loss_and_gradients(x, y, out=first)
    assert again is first
    assert all((kept[name] == again[name]).all() for name in kept)
    model.freeze(0)
    with pytest.raises(ValueError, match="^out: belongs to another structure, or other parameters are frozen now$"):
        model.loss_and_gradients(x, y, out=first)


def test_other_parameters() -> None:
    model, other = nn.MLP([4, 8, 3], seed=0), nn.MLP([4, 8, 3], seed=1)
    x, grad = batch(5, model)
    y = np.arange(5) % 3
    assert (model.forward(x, params=other.params) == other(x)).all()
    assert model.loss_and_gradients(x, y, params=other.params)[0] == other.loss_and_gradients(x, y)[0]
    model.forward(x, training=True, params=other.params)
    other.forward(x, training=True)
    assert (model.backward(grad).flat == other.backward(grad).flat).all()
