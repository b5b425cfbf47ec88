"""The encoder: what each kind of column becomes, and that it is the same wherever it comes from."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sprat.tabular import Encoder
from sprat.tabular._moments import fixed_sum, mean_and_scale

NAN = float("nan")
TABLE = {
    "age": [20.0, 40.0, NAN, 30.0],
    "member": [True, False, True, True],
    "city": ["Rome", "Oslo", None, "Rome"],
    "größe": [3, 1, 2, 2],
}


def test_numbers_are_standardised_and_missing_ones_are_the_mean() -> None:
    encoder = Encoder.fit({"x": [1.0, 3.0, NAN, 5.0]})
    assert encoder.feature_names == ("x", "x (missing)")
    scale = np.sqrt(8 / 3)
    expected = np.array([[-2 / scale, 0], [0, 0], [0, 1], [2 / scale, 0]], np.float32)
    np.testing.assert_array_equal(encoder.transform({"x": [1.0, 3.0, NAN, 5.0]}), expected)


def test_missing_only_after_fit_is_the_mean_without_a_feature() -> None:
    encoder = Encoder.fit({"x": [1.0, 3.0], "c": ["a", "b"]})
    np.testing.assert_array_equal(encoder.transform({"x": [NAN, 3.0], "c": ["b", None]}), [[0, 0, 1], [1, 0, 0]])


def test_constant_column_has_scale_one() -> None:
    encoder = Encoder.fit({"x": [0.1] * 7, "y": [1e-200, 3e-200] * 3 + [2e-200]}, dtype="float64")
    np.testing.assert_array_equal(encoder.transform({"x": [0.1, 1.1], "y": [2e-200, 2e-200]})[:, 0], [0.0, 1.0])
    assert encoder.transform({"x": [0.1], "y": [3e-200]})[0, 1] == pytest.approx(np.sqrt(7 / 6))


def test_one_hot_is_sorted_and_unknown_is_zeros() -> None:
    encoder = Encoder.fit({"c": ["b", "a", "ü", "b"]})
    assert encoder.feature_names == ("c=a", "c=b", "c=ü")
    np.testing.assert_array_equal(
        encoder.transform({"c": ["ü", "new", "b", ""]}), [[0, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]]
    )


def test_missing_category_seen_in_fit_has_its_own_feature() -> None:
    encoder = Encoder.fit({"c": ["b", "", "a", None]})
    assert encoder.feature_names == ("c=a", "c=b", "c (missing)")
    np.testing.assert_array_equal(encoder.transform({"c": [None, "zzz", "a"]}), [[0, 0, 1], [0, 0, 0], [1, 0, 0]])


def test_codes_can_be_declared_categorical() -> None:
    table = {"zip": [8001, 3000, 8001], "half": [0.5, 1.0, 0.5], "flag": [True, False, True]}
    encoder = Encoder.fit(table, categorical=["zip", "half", "flag"])
    assert encoder.feature_names == ("zip=3000", "zip=8001", "half=0.5", "half=1", "flag=False", "flag=True")
    expected = [[0, 1, 1, 0, 0, 1], [1, 0, 0, 1, 1, 0], [0, 1, 1, 0, 0, 1]]
    np.testing.assert_array_equal(encoder.transform(table), expected)
    as_text = {"zip": ["8001"], "half": ["0.5"], "flag": ["True"]}
    np.testing.assert_array_equal(encoder.transform(as_text), expected[:1])


def test_columns_are_found_by_name() -> None:
    encoder = Encoder.fit(TABLE)
    expected = encoder.transform(TABLE)
    turned = {"not seen": ["?"] * 4} | dict(reversed(TABLE.items()))
    np.testing.assert_array_equal(encoder.transform(turned), expected)
    with pytest.raises(ValueError, match="table has no column 'city'; it has 'age', 'member', 'größe'"):
        encoder.transform({name: TABLE[name] for name in TABLE if name != "city"})


def test_columns_can_be_chosen() -> None:
    encoder = Encoder.fit(TABLE, target="member", columns=["größe", "age"])
    assert encoder.column_names == ("größe", "age")
    assert encoder.num_features == 3
    with pytest.raises(ValueError, match="table has no column 'member'"):
        Encoder.fit(TABLE, target="member", columns=["member"])
    with pytest.raises(ValueError, match="two columns are named 'age'"):
        Encoder.fit(TABLE, columns=["age", "age"])


def test_matrix_is_contiguous_float32_or_float64() -> None:
    single = Encoder.fit(TABLE).transform(TABLE)
    double = Encoder.fit(TABLE, dtype="float64").transform(TABLE)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert single.flags.c_contiguous
    assert single.shape == (4, Encoder.fit(TABLE).num_features)
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_zero_rows_can_be_coded_but_not_learnt() -> None:
    empty = {name: [] for name in TABLE}
    assert Encoder.fit(TABLE).transform(empty).shape == (0, 7)
    with pytest.raises(ValueError, match="table has no rows"):
        Encoder.fit(empty)


def test_input_is_never_changed() -> None:
    x = np.array([1.0, NAN, 3.0])
    c = np.array(["a", None, ""], object)
    x.flags.writeable = c.flags.writeable = False
    Encoder.fit({"x": x, "c": c}).transform({"x": x, "c": c})
    assert np.isnan(x[1])
    assert c.tolist() == ["a", None, ""]


@pytest.mark.parametrize("rows", [[0], [3, 1], [2, 2, 2, 0]])
def test_each_row_is_coded_by_itself(rows: list[int]) -> None:
    encoder = Encoder.fit(TABLE)
    some = {name: [values[i] for i in rows] for name, values in TABLE.items()}
    np.testing.assert_array_equal(encoder.transform(some), encoder.transform(TABLE)[rows])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e30, 1e30),
            st.none() | st.text(max_size=3).filter(lambda t: t.isprintable()),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_table_gives_finite_features_and_survives_its_file(rows: list[tuple[object, object]]) -> None:
    table = {"number": [row[0] for row in rows], "text": [row[1] for row in rows]}
    if all(v is None for v in table["number"]) or not any(table["text"]):
        with pytest.raises(ValueError, match="has no value in any row; leave it out"):
            Encoder.fit(table)
        return
    encoder = Encoder.fit(table, dtype="float64")
    matrix = encoder.transform(table)
    assert matrix.shape == (len(rows), encoder.num_features)
    assert np.isfinite(matrix).all()
    there = np.array([v is not None for v in table["number"]])
    assert abs(matrix[there, 0].mean()) < 1e-6
    hot = matrix[:, 1 + (not there.all()) :]
    has_missing = not all(table["text"])
    np.testing.assert_array_equal(hot.sum(axis=1), 1.0)
    assert hot.shape[1] == len({t for t in table["text"] if t}) + has_missing
    again = Encoder.from_config(json.loads(json.dumps(encoder.config())))
    assert again == encoder
    assert again.transform(table).tobytes() == matrix.tobytes()


def test_moments_have_a_fixed_order_and_no_overflow_on_the_way() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(1e6, 1.0, 10_001)
    assert fixed_sum(values) == pytest.approx(sum(values.tolist()), rel=1e-13)
    mean, scale = mean_and_scale(values)
    assert mean == pytest.approx(values.mean(), rel=1e-13)
    assert scale == pytest.approx(values.std(), rel=1e-10)
    assert mean_and_scale(np.array([1e300, 3e300])) == (2e300, 1e300)
    assert mean_and_scale(np.array([1e-310, 3e-310]))[1] == pytest.approx(1e-310)
    with pytest.raises(OverflowError):
        mean_and_scale(np.array([-1.7e308, 1.7e308, 1.7e308]))
    assert fixed_sum(np.zeros(0)) == 0.0


def test_fifty_thousand_rows_of_thirty_columns_in_a_blink() -> None:
    rng = np.random.default_rng(0)
    table: dict[str, np.ndarray] = {f"n{i}": rng.normal(size=50_000) for i in range(20)}
    words = np.array(["red", "green", "blue", None], object)
    table |= {f"c{i}": words[rng.integers(0, 4, 50_000)] for i in range(10)}
    encoder = Encoder.fit(table)
    began = time.process_time()
    assert encoder.transform(table).shape == (50_000, 60)
    assert time.process_time() - began < 1.0


# -- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "error", "line"),
    [
        (
            [[1.0]],
            TypeError,
            "table: wanted a data frame, a dict of columns, a structured array or a 2-D array, got",
        ),
        (np.zeros(3), ValueError, "table: wanted 2-D, got shape (3,)"),
        ({"a": [1, 2], "b": [1]}, ValueError, "columns: wanted the same length: 'a' has 2 rows, 'b' has 1"),
        ({"a": 3}, TypeError, "column 'a': wanted a column of values, got int"),
        ({"a": "text"}, TypeError, "column 'a': wanted a column of values, got str"),
        ({"a": np.zeros((2, 2))}, ValueError, "column 'a': wanted 1-D, got shape (2, 2)"),
        ({"a": [1.0, "x"]}, TypeError, "column 'a' mixes text and numbers (row 0 holds 1.0)"),
        ({"a": ["x", True]}, TypeError, "column 'a' mixes text and numbers (row 1 holds True)"),
        ({"a": [[1], [2]]}, TypeError, "column 'a' must hold numbers, text or booleans, got list"),
        ({"a": np.array([1j])}, TypeError, "column 'a' must hold numbers, text or booleans, got complex128"),
        ({"a": [b"x"]}, TypeError, "column 'a' must hold numbers, text or booleans, got bytes"),
        (
            {"a": np.array(["2026-01-01"], "M8[D]")},
            TypeError,
            "column 'a' holds dates or times; give numbers",
        ),
        ({"a": [1.0, float("inf")]}, ValueError, "column 'a', row 1: inf is not a usable number"),
        ({"a": [10**400]}, ValueError, "column 'a' holds a number beyond float64"),
        ({"a": [None, NAN]}, ValueError, "column 'a' has no value in any row; leave it out"),
        ({"a": ["", ""]}, ValueError, "column 'a' has no value in any row; leave it out"),
        (
            {"a": [-1.7e308, 1.7e308, 1.7e308]},
            ValueError,
            "column 'a' holds numbers too large to standardise",
        ),
        (
            {"a": list(map(str, range(300)))},
            ValueError,
            "column 'a' has 300 categories, more than max_categories=256",
        ),
        ({"": [1.0]}, ValueError, "the name of a column: wanted a text that is not empty, got ''"),
        ({"a": ["\ud800", "b"]}, ValueError, "categories[1]: wanted valid Unicode, got '\\ud800'"),
        ({1: [1.0], "1": [2.0]}, ValueError, "table has two columns named '1'"),
        ({}, ValueError, "table has no rows"),
    ],
)
def test_bad_table_is_one_clear_line(table: object, error: type[Exception], line: str) -> None:
    with pytest.raises(error) as caught:
        Encoder.fit(table)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "line"),
    [
        (
            {"task": "cluster"},
            ValueError,
            "task: wanted one of auto, classification, regression, got 'cluster'",
        ),
        ({"max_categories": 0}, ValueError, "max_categories: wanted a whole number of at least 1, got 0"),
        ({"dtype": "float16"}, ValueError, "dtype: wanted 'float32' or 'float64', got 'float16'"),
        ({"columns": "age"}, TypeError, "columns and categorical: wanted lists of names, got one text"),
        (
            {"categorical": ["x"]},
            ValueError,
            "table has no column 'x'; it has 'age', 'member', 'city', 'größe'",
        ),
        ({"target": "x"}, ValueError, "table has no column 'x'"),
        ({"target": [1, 2]}, ValueError, "target: wanted the table's 4 rows, got 2"),
    ],
)
def test_bad_option_is_one_clear_line(options: dict[str, object], error: type[Exception], line: str) -> None:
    with pytest.raises(error) as caught:
        Encoder.fit(TABLE, **options)
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize(
    ("table", "error", "line"),
    [
        ({"x": ["3"], "c": ["a"]}, TypeError, "column 'x' must hold numbers, as in fit, got text ('3')"),
        ({"x": [float("-inf")], "c": ["a"]}, ValueError, "column 'x', row 0: -inf is not a usable number"),
        (
            {"x": [0.0, 1e300], "c": ["a", "b"]},
            ValueError,
            "column 'x', row 1: 1e+300 is too large for float32",
        ),
        ({"x": [1.0], "c": [float("inf")]}, ValueError, "column 'c', row 0: inf is not a usable number"),
        (np.zeros((2, 3)), ValueError, "table: wanted (rows, 2) as in fit, got shape (2, 3)"),
        ({"x": [1.0, 2.0], "c": ["a"]}, ValueError, "columns: wanted the same length: 'x' has 2 rows"),
    ],
)
def test_bad_row_is_one_clear_line(table: object, error: type[Exception], line: str) -> None:
    encoder = Encoder.fit({"x": [1.0, 3.0], "c": ["a", "b"]})
    with pytest.raises(error) as caught:
        encoder.transform(table)
    assert str(caught.value).startswith(line)


def test_a_column_without_any_value_fits_every_kind() -> None:
    encoder = Encoder.fit({"x": [1.0, 3.0], "c": ["a", "b"]})
    np.testing.assert_array_equal(encoder.transform({"x": ["", None], "c": [NAN, None]}), np.zeros((2, 3)))
