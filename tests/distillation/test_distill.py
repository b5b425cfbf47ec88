"""sprat.distill with every kind of teacher."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

import sprat
from sprat import nn
from sprat.distillation import Hint, teacher_outputs
from support import assert_same_bits, assert_same_everywhere, unchanged

DIGITS = load_digits()
X = (DIGITS.data / 16).astype(np.float32)
Y = DIGITS.target


@pytest.fixture(scope="module")
def teacher() -> nn.MLP:
    model = nn.MLP([64, 64, 32, 10], seed=0)
    sprat.fit(model, X[:1200], Y[:1200], epochs=10, lr=0.003, seed=0)
    return model


def student(seed: int = 1, **options: Any) -> nn.MLP:
    return nn.MLP([64, 8, 10], seed=seed, **options)


def test_each_step_follows_the_combined_gradient(teacher: nn.MLP) -> None:
    """One batch, plain gradient descent: the step is that of Hinton's loss in plain NumPy float64."""
    pupil = student(dtype="float64")
    x, y = X[:50].astype(np.float64), Y[:50]
    t = teacher(X[:50]).astype(np.float64)
    loss = nn.losses.Distillation(temperature=3.0, alpha=0.7)
    value, gradients = pupil.loss_and_gradients(x, y, loss=loss, teacher=t)
    wanted = pupil.params - 0.1 * gradients.flat

    def log_softmax(z: np.ndarray) -> np.ndarray:
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    s = pupil(x)
    p = log_softmax(t / 3)
    soft = 9 * (np.exp(p) * (p - log_softmax(s / 3))).sum(axis=1).mean()
    hard = -log_softmax(s)[np.arange(50), y].mean()
    assert value == pytest.approx(0.7 * soft + 0.3 * hard, rel=1e-12)

    history = sprat.distill(
        t, pupil, x, y, temperature=3.0, alpha=0.7, optimizer=sprat.optim.SGD(pupil, lr=0.1), epochs=1, batch_size=50,
        shuffle=False,
    )  # fmt: skip
    assert history["loss"] == [pytest.approx(value, rel=1e-12)]
    # Rounding alone: the products of one batch were summed by the same kernels.
    np.testing.assert_allclose(pupil.params, wanted, rtol=1e-13, atol=1e-15)


def test_alpha_zero_is_plain_training(teacher: nn.MLP) -> None:
    a, b = student(), student()
    sprat.distill(teacher, a, X[:300], Y[:300], alpha=0.0, epochs=2, seed=3)
    sprat.fit(b, X[:300], Y[:300], epochs=2, seed=3)
    # The same loss by another kernel path: equal up to rounding.
    np.testing.assert_allclose(a.params, b.params, rtol=1e-4, atol=1e-6)


def test_a_student_without_labels_learns_from_the_teacher(teacher: nn.MLP) -> None:
    pupil = student()
    history = sprat.distill(teacher, pupil, X[:1200], epochs=20, lr=0.01)
    assert history.agreement > 0.9
    assert (pupil.predict(X[1200:]) == Y[1200:]).mean() > 0.8
    assert pupil.loss_name == "cross_entropy"


@pytest.mark.parametrize("kind", ["estimator", "ensemble", "callable", "stored", "predictor"])
def test_kinds_of_teachers(kind: str, teacher: nn.MLP) -> None:
    x, y = X[:600], Y[:600]
    teachers: dict[str, Any] = {
        "estimator": RandomForestClassifier(30, random_state=0).fit(x, y),
        "ensemble": [teacher, LogisticRegression(max_iter=500).fit(x, y)],
        "callable": lambda rows: teacher(rows),
        "stored": teacher(x),
        "predictor": sprat.Predictor(teacher),
    }
    pupil = student()
    history = sprat.distill(teachers[kind], pupil, x, y, epochs=15, batch_size=16, lr=0.01)
    assert history.agreement > 0.85


def test_ensemble_is_the_mean_probability(teacher: nn.MLP) -> None:
    other = nn.MLP([64, 10], seed=5)
    both = teacher_outputs([teacher, other], X[:20], 10, classification=True)
    mean = (teacher.predict_proba(X[:20]).astype(np.float64) if teacher.loss_name else 0) / 2
    other.loss_name = "cross_entropy"
    mean = mean + other.predict_proba(X[:20]).astype(np.float64) / 2
    # float32 probabilities of predict_proba against float64 here.
    np.testing.assert_allclose(np.exp(both), mean, rtol=1e-5, atol=1e-7)


def test_binary_with_one_output() -> None:
    y = (Y > 4).astype(int)
    forest = RandomForestClassifier(30, random_state=0).fit(X[:800], y[:800])
    pupil = nn.MLP([64, 8, 1], seed=0)
    history = sprat.distill(forest, pupil, X[:800], y[:800], epochs=30, lr=0.01, temperature=2.0)
    assert history.agreement > 0.9
    assert pupil.loss_name == "bce_with_logits"


def test_regression() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 5)).astype(np.float32)
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1]
    forest = RandomForestRegressor(30, random_state=0).fit(x, y)
    pupil = nn.MLP([5, 32, 1], seed=0)
    history = sprat.distill(forest, pupil, x, y, epochs=40, lr=0.01)
    assert history.agreement > 0.9
    assert pupil.loss_name == "mse"


def test_hints_teach_a_hidden_layer(teacher: nn.MLP) -> None:
    pupil = student()
    before = pupil.parameters()["layers.1.weight"].copy()
    first = Hint(teacher_layer=1, student_layer=0, epochs=1).train(teacher, pupil, X[:600], batch_size=64, seed=0)
    later = Hint(teacher_layer=1, student_layer=0, epochs=10).train(teacher, pupil, X[:600], batch_size=64, seed=0)
    assert later < first
    assert_same_bits(pupil.parameters()["layers.1.weight"], before)
    history = sprat.distill(teacher, pupil, X[:600], Y[:600], hints=Hint(1, 0), epochs=10, batch_size=16, lr=0.01)
    assert history.agreement > 0.8


def test_same_bits_everywhere(teacher: nn.MLP) -> None:
    def compute() -> np.ndarray:
        pupil = student()
        sprat.distill(teacher, pupil, X[:200], Y[:200], epochs=2, seed=1, hints=Hint(1, 0, epochs=1))
        return pupil.params

    assert_same_everywhere(compute, threads=(1, 2))


@pytest.mark.parametrize(
    ("make", "options", "line"),
    [
        (lambda t: "me", {}, "teacher: wanted a model"),
        (lambda t: [], {}, "teacher: wanted at least one"),
        (lambda t: t(X[:99]), {}, r"teacher: wanted outputs of shape \(100, 10\), got \(99, 10\)"),
        (lambda t: np.full((100, 10), np.nan), {}, "teacher: wanted finite numbers"),
        (lambda t: t, {"temperature": 0}, "temperature: wanted a finite number above 0, got 0"),
        (lambda t: t, {"alpha": 2}, r"alpha: wanted a number in \[0, 1\], got 2"),
        (lambda t: t(X[:100]), {"hints": Hint(0, 0)}, "hints: the teacher has no hidden layers"),
        (lambda t: t, {"hints": Hint(2, 0)}, "hints.teacher_layer: wanted a hidden layer, 0 to 1, got 2"),
        (lambda t: t, {"epochs": 0}, "epochs: wanted"),
    ],
)
def test_refused_calls_change_nothing(teacher: nn.MLP, make: Any, options: dict[str, Any], line: str) -> None:
    pupil = student()
    check = unchanged(pupil.params)
    with pytest.raises((TypeError, ValueError), match=f"^{line}"):
        sprat.distill(make(teacher), pupil, X[:100], Y[:100], **options)
    check()
