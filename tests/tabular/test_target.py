"""Targets: class ids and back, standardised numbers and back, and how "auto" tells them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sprat.tabular import Encoder


def fit(target: Any, task: Any = "auto", **options: Any) -> Encoder:
    return Encoder.fit({"x": np.arange(len(target))}, target, task, **options)


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (["b", "a", "b"], "classification", ("a", "b")),
        (np.array(["é", "z", "a"]), "classification", ("a", "z", "é")),
        ([True, False, True], "classification", (False, True)),
        ([3, 1, 2, 3], "classification", (1, 2, 3)),
        ([0.0, 1.0, 0.0], "classification", (0, 1)),
        ([-1, 1, -1], "classification", (-1, 1)),
        (list(range(20)), "classification", tuple(range(20))),
        (list(range(21)), "regression", None),
        ([0.5, 1.0, 0.5], "regression", None),
        (np.linspace(0, 1, 50), "regression", None),
    ],
)
def test_auto_task(target: Any, task: str, classes: tuple[Any, ...] | None) -> None:
    encoder = fit(target)
    assert (encoder.task, encoder.class_names) == (task, classes)
    if classes is not None:
        assert list(map(type, encoder.class_names or ())) == list(map(type, classes))


def test_task_can_be_said() -> None:
    assert fit([1, 2, 3], "regression").class_names is None
    assert fit([0.5, 1.5, 0.5], "classification").class_names == (0.5, 1.5)
    assert fit(list(range(100)), "classification").class_names == tuple(range(100))


@pytest.mark.parametrize("labels", [["b", "a", "c", "a"], [True, False, False, True], [7, 3, 5, 3], [0.5, 2.5, 1, 1]])
def test_class_ids_and_back(labels: list[Any]) -> None:
    encoder = fit(labels, "classification")
    ids = encoder.transform_target(labels)
    assert ids.dtype == np.int64
    assert [sorted(set(labels))[i] for i in ids] == labels
    assert encoder.inverse_target(ids).tolist() == labels
    assert encoder.inverse_target(ids.reshape(2, 2)).shape == (2, 2)


def test_number_labels_may_come_in_another_dtype() -> None:
    encoder = fit([0, 1, 2, 1])
    assert encoder.transform_target(np.array([2.0, 0.0])).tolist() == [2, 0]
    assert fit(["0", "1"]).transform_target([1, 0]).tolist() == [1, 0]
    assert fit(["False", "True"]).transform_target([True, False]).tolist() == [1, 0]


def test_regression_is_standardised_and_comes_back() -> None:
    price = np.array([100.0, 200.5, 400.25, 1000.0])
    encoder = fit(price)
    scaled = encoder.transform_target(price)
    assert scaled.dtype == np.float32
    assert scaled.mean() == pytest.approx(0.0, abs=1e-6)
    assert scaled.std() == pytest.approx(1.0, rel=1e-6)
    np.testing.assert_allclose(encoder.inverse_target(scaled), price, rtol=1e-6)
    np.testing.assert_allclose(
        fit(price, dtype="float64").inverse_target(fit(price, dtype="float64").transform_target(price)[:, None]),
        price[:, None],
        rtol=1e-15,
    )


def test_target_by_name_is_no_feature() -> None:
    table = {"x": [1.0, 2.0], "y": ["no", "yes"]}
    encoder = Encoder.fit(table, target="y")
    assert encoder.target_name == "y"
    assert encoder.column_names == ("x",)
    assert encoder.transform({"x": [1.0]}).shape == (1, 1)
    assert encoder.transform_target(table).tolist() == [0, 1]
    assert encoder == Encoder.fit({"x": [1.0, 2.0], "y": ["no", "yes"]}, "y")


@pytest.mark.parametrize(
    ("target", "task", "error", "line"),
    [
        (["a", "a"], "auto", ValueError, "target has one class only ('a'); classification needs two or more"),
        (["a", None], "auto", ValueError, "target is missing in row 1; drop such rows"),
        ([0.5, float("nan")], "auto", ValueError, "target is missing in row 1; drop such rows"),
        ([0.5, float("inf")], "auto", ValueError, "column 'target', row 1: inf is not a usable number"),
        (["a", "b"], "regression", TypeError, "target holds text; regression needs numbers"),
        ([2**60, 1], "auto", ValueError, "target holds whole numbers beyond 2**53; give them as text"),
        (np.zeros((2, 1)), "auto", ValueError, "column 'target': wanted 1-D, got shape (2, 1)"),
    ],
)
def test_bad_target_is_one_clear_line(target: Any, task: str, error: type[Exception], line: str) -> None:
    with pytest.raises(error) as caught:
        fit(target, task)
    assert str(caught.value).startswith(line)


def test_bad_target_after_fit() -> None:
    words = Encoder.fit({"x": [1, 2], "y": ["a", "b"]}, "y")
    numbers = Encoder.fit({"x": [1, 2], "y": [0.5, 1.5]}, "y")
    with pytest.raises(ValueError, match="target 'y', row 1: class 'c' was not seen in fit"):
        words.transform_target(["a", "c"])
    with pytest.raises(TypeError, match="target 'y' must hold numbers, as in fit, got text"):
        numbers.transform_target(["a"])
    with pytest.raises(ValueError, match=r"target 'y', row 0: 1e\+300 is too large for float32"):
        numbers.transform_target([1e300])
    with pytest.raises(ValueError, match="table has no column 'y'"):
        words.transform_target({"x": [1]})
    with pytest.raises(TypeError, match="class ids: wanted integers, got float64"):
        words.inverse_target([0.0])
    with pytest.raises(ValueError, match="class ids: wanted 0 to 1, got -1 to 1"):
        words.inverse_target([1, -1])
    with pytest.raises(ValueError, match="this encoder was fitted without a target"):
        Encoder.fit({"x": [1, 2]}).transform_target([1])
    with pytest.raises(ValueError, match="the target was given to fit without a name"):
        Encoder.fit({"x": [1, 2]}, [0, 1]).transform_target({"x": [1]})
