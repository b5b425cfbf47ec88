"""Scores against scikit-learn's, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest

from sprat.training import metrics

sklearn = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(3)
CLASSES = RNG.integers(0, 4, 50)
GUESSES = RNG.integers(0, 4, 50)
VALUES = RNG.normal(size=(50, 2))
ANSWERS = VALUES + RNG.normal(size=(50, 2))
P = RNG.dirichlet(np.ones(4), 50)
WEIGHTS = [None, RNG.random(50)]


@pytest.mark.parametrize("w", WEIGHTS, ids=["plain", "weighted"])
def test_scores_agree_with_sklearn(w: np.ndarray | None) -> None:
    close = pytest.approx
    assert metrics.accuracy(CLASSES, GUESSES, w) == close(sklearn.accuracy_score(CLASSES, GUESSES, sample_weight=w))
    assert metrics.r2(VALUES, ANSWERS, w) == close(sklearn.r2_score(VALUES, ANSWERS, sample_weight=w))
    assert metrics.mae(VALUES, ANSWERS, w) == close(sklearn.mean_absolute_error(VALUES, ANSWERS, sample_weight=w))
    squared = sklearn.mean_squared_error(VALUES, ANSWERS, sample_weight=w)
    assert metrics.rmse(VALUES, ANSWERS, w) ** 2 == close(squared)
    assert metrics.log_loss(CLASSES, P, w) == close(sklearn.log_loss(CLASSES, P, sample_weight=w))
    binary, p = CLASSES % 2, P[:, 0]
    assert metrics.brier(binary, p, w) == close(sklearn.brier_score_loss(binary, p, sample_weight=w))
    assert metrics.log_loss(binary, p, w) == close(sklearn.log_loss(binary, p, sample_weight=w))
    matrix = sklearn.confusion_matrix(CLASSES, GUESSES, sample_weight=w)
    np.testing.assert_allclose(metrics.confusion_matrix(CLASSES, GUESSES, weight=w), matrix)


def test_a_column_that_does_not_vary() -> None:
    constant = np.ones(5)
    assert metrics.r2(constant, constant) == 1.0
    assert metrics.r2(constant, np.arange(5.0)) == 0.0


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: metrics.accuracy([0, 1], [0]), "prediction: wanted shape"),
        (lambda: metrics.accuracy([], []), "zero rows"),
        (lambda: metrics.accuracy([0], [0], [-1.0]), "finite numbers >= 0"),
        (lambda: metrics.accuracy([0], [0], [0.0]), "not all zero"),
        (lambda: metrics.accuracy([0], [0], [1, 1]), r"wanted shape \(1,\)"),
        (lambda: metrics.log_loss([2], [[0.5, 0.5]]), "classes from 0 to 1"),
        (lambda: metrics.brier([0, 1], [[0.5, 0.5]]), "probability: wanted"),
        (lambda: metrics.confusion_matrix([0, 3], [0, 1], classes=3), "classes from 0 to 2"),
    ],
)
def test_bad_input(call: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call()  # type: ignore[operator]


def test_classes_must_be_integers() -> None:
    with pytest.raises(TypeError, match="integer"):
        metrics.confusion_matrix([0.0], [0.0])
    with pytest.raises(TypeError, match="integer"):
        metrics.log_loss(["a"], [[1.0]])
