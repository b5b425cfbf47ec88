"""The train/test split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sprat.tabular import split


@settings(deadline=None)
@given(st.integers(0, 300), st.floats(0.0, 0.999), st.integers(0, 2**70))
def test_every_row_is_on_one_side(n: int, fraction: float, seed: int) -> None:
    train, test = split(n, fraction, seed)
    assert train.dtype == test.dtype == np.int64
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(test) > 0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    assert abs(len(test) - n * fraction) <= 1
    if n > 1:
        assert (len(test) > 0) == (fraction > 0)
        assert len(train) > 0


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=4), st.floats(0.05, 0.95), st.integers(0, 99))
def test_stratified_shares_are_within_one_row(labels: list[str], fraction: float, seed: int) -> None:
    train, test = split(len(labels), fraction, seed, stratify=labels)
    plain = split(len(labels), fraction, seed)
    assert len(test) == len(plain[1])
    for label in set(labels):
        count = labels.count(label)
        assert abs(sum(labels[i] == label for i in test) - count * len(test) / len(labels)) < 1
    assert len(train) + len(test) == len(labels)


def test_depends_on_the_seed_alone() -> None:
    first = split(100, 0.2, seed=1)[1]
    np.testing.assert_array_equal(split(100, 0.2, seed=1)[1], first)
    assert split(100, 0.2, seed=2)[1].tolist() != first.tolist()
    assert split(20, 0.25, seed=0)[1].tolist() == [0, 3, 8, 9, 19]  # the same on every machine


def test_rows_are_drawn_evenly() -> None:
    hits = np.zeros(40)
    for seed in range(400):
        hits[split(40, 0.25, seed)[1]] += 1
    assert abs(hits.mean() - 100) < 1e-9
    assert np.all(np.abs(hits - 100) < 45)  # more than five standard deviations


def test_missing_and_numeric_labels_are_groups() -> None:
    _, test = split(8, 0.5, 0, stratify=[1.0, 1.0, None, None, 2.5, 2.5, 2.5, 2.5])
    assert [sum(test < 2), sum((test >= 2) & (test < 4)), sum(test >= 4)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        ({"n": -1}, ValueError, "n: wanted a whole number of at least 0, got -1"),
        ({"n": 1.5}, TypeError, "n: wanted a whole number, got 1.5"),
        ({"n": 5, "test_fraction": 1.0}, ValueError, "test_fraction: wanted a number in [0, 1), got 1.0"),
        ({"n": 5, "test_fraction": float("nan")}, ValueError, "test_fraction: wanted a number in [0, 1)"),
        ({"n": 5, "test_fraction": "0.5"}, TypeError, "test_fraction: wanted a number, got '0.5'"),
        ({"n": 5, "seed": -3}, ValueError, "seed: wanted a whole number of at least 0, got -3"),
        ({"n": 5, "stratify": [1, 2]}, ValueError, "stratify: wanted n = 5 labels, got 2"),
        (
            {"n": 2, "stratify": [b"a", b"b"]},
            TypeError,
            "column 'stratify' must hold numbers, text or booleans",
        ),
    ],
)
def test_bad_argument_is_one_clear_line(arguments: dict[str, Any], error: type[Exception], line: str) -> None:
    with pytest.raises(error) as caught:
        split(**arguments)
    assert str(caught.value).startswith(line)
