"""Scores with intervals, and paired comparisons, against plain formulas."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import sprat
from sprat.compression.strategist.comparison import Score, compare, mcnemar, score


def mid_p(worse: int, better: int) -> float:
    """2 P(X < k) + P(X = k) for X binomial (n, 1/2), in exact fractions."""
    n, k = worse + better, min(worse, better)
    share = [Fraction(math.comb(n, i), 2**n) for i in range(n + 1)]
    return float(min(Fraction(1), 2 * sum(share[:k], Fraction(0)) + share[k])) if worse != better else 1.0


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (1, 0), (5, 0), (3, 9), (40, 21), (200, 260), (7, 7)])
def test_mcnemar_is_exact(worse: int, better: int) -> None:
    assert mcnemar(worse, better) == pytest.approx(mid_p(worse, better), rel=1e-9)


def test_mcnemar_of_many_rows_goes_on_where_the_exact_one_ends() -> None:
    assert mcnemar(5080, 4920) == pytest.approx(mcnemar(5081, 4920), rel=0.04)


def test_accuracy_counts_as_evaluate_does() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 4)).astype(np.float32), rng.integers(0, 3, 500)
    for sizes, loss, target in (
        ([4, 3], "cross_entropy", y),
        ([4, 1], "bce_with_logits", y % 2),
        ([4, 1], "mse", x[:, :1]),
    ):
        model = sprat.nn.MLP(sizes, seed=1)
        model.loss_name = loss
        found = score(model, x, target)
        assert found.value == pytest.approx(sprat.evaluate(model, x, target)[found.name], rel=1e-6)
        assert found.interval[0] < found.value < found.interval[1]


def test_intervals_cover_what_they_promise() -> None:
    """Of 400 samples some 95 % of the intervals hold the truth: for accuracy, R² and the paired difference."""
    rng = np.random.default_rng(1)
    hits = np.zeros(3)
    for _ in range(400):
        one, other = rng.random(300) < 0.9, rng.random(300) < 0.8
        first, second = Score.accuracy(one.astype(float)), Score.accuracy(other.astype(float))
        hits[0] += first.interval[0] <= 0.9 <= first.interval[1]
        low, high = compare(first, second).interval
        hits[1] += low <= 0.1 <= high
        target = rng.normal(size=(300, 1))
        low, high = Score.r2(target + 0.5 * rng.normal(size=(300, 1)), target).interval
        hits[2] += low <= 0.75 <= high
    assert (np.abs(hits / 400 - 0.95) < 0.035).all()


def test_a_model_is_not_worse_than_itself() -> None:
    for one in (Score.accuracy(np.ones(10)), Score.r2(np.eye(6)[:, :2], np.eye(6)[:, :2])):
        same = compare(one, one)
        assert (same.loss, same.standard_error, same.p_value) == (0.0, 0.0, 1.0)


def test_the_paired_test_sees_what_two_intervals_would_hide() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(size=(2000, 1))
    error = rng.normal(size=(2000, 1))
    original, model = Score.r2(target + error, target), Score.r2(target + 1.03 * error, target)
    assert original.interval[0] < model.interval[1]  # the intervals overlap
    found = compare(original, model)
    assert found.test == "paired normal"
    assert found.p_value < 1e-6
    assert found.loss > 0
