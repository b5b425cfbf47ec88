"""Losses give torch's values and gradients, over every option that both have, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sprat.nn import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional

ROWS, COLUMNS = 60, 7


def compare(loss: losses.Loss, peer: Callable[[Any], Any], z: np.ndarray, target: Any, **more: Any) -> None:
    """Both in float64: 1e-13 leaves room for sums in another order."""
    output = torch.tensor(z, requires_grad=True)
    wanted = peer(output)
    wanted.backward()
    value, grad = loss(z, target, **more)
    assert value == pytest.approx(wanted.item(), rel=1e-13, abs=1e-15)
    np.testing.assert_allclose(grad, output.grad.numpy(), rtol=1e-12, atol=1e-16)


@pytest.fixture
def z(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(ROWS, COLUMNS)) * 4


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_cross_entropy(z: np.ndarray, smoothing: float, weighted: bool, soft: bool, rng: np.random.Generator) -> None:
    w = rng.uniform(0.1, 3, COLUMNS) if weighted else None
    target = rng.dirichlet(np.ones(COLUMNS), ROWS) if soft else rng.integers(0, COLUMNS, ROWS)
    t, weight = torch.tensor(target), None if w is None else torch.tensor(w)
    loss = losses.CrossEntropy(smoothing, w)
    compare(loss, lambda o: F.cross_entropy(o, t, weight, label_smoothing=smoothing), z, target)


@pytest.mark.parametrize("columns", [1, COLUMNS])
@pytest.mark.parametrize("weighted", [False, True])
def test_bce_with_logits(z: np.ndarray, columns: int, weighted: bool, rng: np.random.Generator) -> None:
    z = np.ascontiguousarray(z[:, :columns])
    w = rng.uniform(0, 3, columns) if weighted else None
    target = rng.choice([0, 1, 0.3], z.shape)
    t, pos_weight = torch.tensor(target), None if w is None else torch.tensor(w)
    compare(
        losses.BCEWithLogits(w), lambda o: F.binary_cross_entropy_with_logits(o, t, pos_weight=pos_weight), z, target
    )


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_huber(z: np.ndarray, delta: float, rng: np.random.Generator) -> None:
    target = rng.normal(size=z.shape)
    t = torch.tensor(target)
    compare(losses.Huber(delta), lambda o: F.huber_loss(o, t, delta=delta), z, target)


@pytest.mark.parametrize(("loss", "peer"), [(losses.MSE(), F.mse_loss), (losses.MAE(), F.l1_loss)])
def test_mse_and_mae(z: np.ndarray, loss: losses.Loss, peer: Callable[..., Any], rng: np.random.Generator) -> None:
    target = rng.normal(size=z.shape)
    target[0] = z[0]  # the slope of |0|
    t = torch.tensor(target)
    compare(loss, lambda o: peer(o, t), z, target)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_distillation(z: np.ndarray, temperature: float, alpha: float, rng: np.random.Generator) -> None:
    """The usual lines of torch for Hinton's loss."""
    y, target = rng.normal(size=z.shape) * 4, rng.integers(0, COLUMNS, ROWS)
    teacher, t = torch.tensor(y), torch.tensor(target)

    def peer(o: Any) -> Any:
        p, q = F.softmax(teacher / temperature, 1), F.log_softmax(o / temperature, 1)
        return alpha * temperature**2 * F.kl_div(q, p, reduction="batchmean") + (1 - alpha) * F.cross_entropy(o, t)

    compare(losses.Distillation(temperature, alpha), peer, z, target, teacher=y)


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "bce_with_logits", "cross_entropy"])
def test_sample_weights(z: np.ndarray, name: str, rng: np.random.Generator) -> None:
    """torch leaves weighting to its user: the weighted mean of the losses without reduction."""
    u = rng.uniform(0, 2, ROWS)
    target = rng.integers(0, COLUMNS, ROWS) if name == "cross_entropy" else rng.uniform(size=z.shape)
    t, weight = torch.tensor(target), torch.tensor(u)
    peers = {
        "mse": F.mse_loss,
        "mae": F.l1_loss,
        "huber": F.huber_loss,
        "bce_with_logits": F.binary_cross_entropy_with_logits,
        "cross_entropy": F.cross_entropy,
    }

    def peer(o: Any) -> Any:
        rows = peers[name](o, t, reduction="none")
        rows = rows if rows.ndim == 1 else rows.mean(1)
        return (weight * rows).sum() / weight.sum()

    compare(losses.get(name), peer, z, target, sample_weight=u)
