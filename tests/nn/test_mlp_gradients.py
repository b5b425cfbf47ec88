"""Gradients of every loss through every activation against finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sprat import nn
from sprat.nn import losses

ROWS, COLUMNS = 7, 3
RNG = np.random.default_rng(11)
X = RNG.standard_normal((ROWS, 4))
WEIGHT = RNG.uniform(0.1, 2.0, ROWS)
IDS = RNG.integers(0, COLUMNS, ROWS)
SHARES = RNG.dirichlet(np.ones(COLUMNS), ROWS)
VALUES = RNG.standard_normal((ROWS, COLUMNS))
LOSSES: dict[str, tuple[Any, Any]] = {
    "cross_entropy": (losses.CrossEntropy(label_smoothing=0.1, class_weight=[1.0, 2.0, 0.5]), IDS),
    "cross_entropy_shares": ("cross_entropy", SHARES),
    "bce_with_logits": (losses.BCEWithLogits(pos_weight=[1.0, 3.0, 0.5]), SHARES),
    "mse": ("mse", VALUES),
    "mae": ("mae", VALUES),
    "huber": (losses.Huber(delta=0.5), VALUES),
}


def check(model: nn.MLP, loss_of: Callable[[], tuple[float, nn.Gradients]]) -> None:
    """Central differences along every parameter. Kinks of relu and its like lie elsewhere for these numbers."""
    _, gradients = loss_of()
    numeric = np.empty_like(model.params)
    step = 1e-6
    for i in range(model.num_parameters):
        kept = model.params[i]
        model.params[i] = kept + step
        above = loss_of()[0]
        model.params[i] = kept - step
        below = loss_of()[0]
        model.params[i] = kept
        numeric[i] = (above - below) / (2 * step)
    np.testing.assert_allclose(gradients.flat, numeric, rtol=2e-6, atol=2e-8)


@pytest.mark.parametrize("activation", nn.activations.NAMES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_activation_and_loss(activation: str, loss: str) -> None:
    model = nn.MLP([4, 5, COLUMNS], activation=activation, dtype="float64", init="glorot_normal", seed=3)
    chosen, y = LOSSES[loss]
    check(model, lambda: model.loss_and_gradients(X, y, loss=chosen, sample_weight=WEIGHT))


def test_depth_dropout_and_output_activation() -> None:
    model = nn.MLP(
        [4, 6, 5, COLUMNS], activation="tanh", output_activation="softplus", dropout=0.4, dtype="float64", seed=1
    )
    check(model, lambda: model.loss_and_gradients(X, VALUES, loss="mse", dropout_seed=5, step=2))


def test_a_teacher() -> None:
    model = nn.MLP([4, 6, COLUMNS], activation="silu", dtype="float64", seed=1)
    teacher = RNG.standard_normal((ROWS, COLUMNS))
    loss = losses.Distillation(temperature=3.0, alpha=0.7)
    check(model, lambda: model.loss_and_gradients(X, IDS, loss=loss, teacher=teacher))
    check(model, lambda: model.loss_and_gradients(X, None, loss=losses.Distillation(alpha=1.0), teacher=teacher))


def test_a_loss_of_ones_own() -> None:
    model = nn.MLP([4, 6, COLUMNS], activation="gelu", dtype="float64", seed=1)

    def cubes(output: Any, target: Any, sample_weight: Any = None) -> tuple[float, Any]:
        difference = np.abs(output - target)
        weight = np.ones(len(output)) if sample_weight is None else sample_weight
        value = float((difference**3 * weight[:, None]).sum())
        return value, 3 * difference**2 * np.sign(output - target) * weight[:, None]

    check(model, lambda: model.loss_and_gradients(X, VALUES, loss=cubes))
    check(model, lambda: model.loss_and_gradients(X, VALUES, loss=cubes, sample_weight=WEIGHT))


def test_one_call_equals_three() -> None:
    model = nn.MLP([4, 9, COLUMNS], dropout=0.25, seed=1)
    value, gradients = model.loss_and_gradients(X, IDS, sample_weight=WEIGHT, dropout_seed=3, step=4)
    output = model.forward(X, training=True, dropout_seed=3, step=4)
    again, grad_output = losses.CrossEntropy()(output, IDS, WEIGHT)
    assert value == again
    assert (model.backward(grad_output).flat == gradients.flat).all()
