"""Dicts of columns, structured arrays, matrices and masked arrays: one table, the same bits."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sprat.tabular import Encoder
from sprat.tabular._columns import as_column

NAN = float("nan")


def read(values: Any) -> tuple[str, list[Any]]:
    column = as_column("c", values)
    assert column.values.dtype == (object if column.kind == "text" else np.float64)
    return column.kind, [None if v != v else v for v in column.values.tolist()]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2], "number", [1.0, 2.0]),
        ((1.5, None), "number", [1.5, None]),
        (range(3), "number", [0.0, 1.0, 2.0]),
        ([True, None], "boolean", [1.0, None]),
        ([True, 2], "number", [1.0, 2.0]),
        ([Decimal("0.5"), Fraction(1, 4), np.float32(2), np.int8(3)], "number", [0.5, 0.25, 2.0, 3.0]),
        (["a", "", None, NAN, np.str_("b")], "text", ["a", None, None, None, "b"]),
        ([None, None], "number", [None, None]),
        ([], "number", []),
        (np.array([1, 2], ">i4"), "number", [1.0, 2.0]),
        (np.array([1, 2], "<f2")[::-1], "number", [2.0, 1.0]),
        (np.array([True, False]), "boolean", [1.0, 0.0]),
        (np.array(["a", ""]), "text", ["a", None]),
        (np.array(["a", "bb"], np.dtypes.StringDType()), "text", ["a", "bb"]),
        (np.array([2**64 - 1], np.uint64), "number", [float(2**64)]),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "number", [1.0, None]),
        (np.ma.array(["a", "b"], mask=[False, True]), "text", ["a", None]),
    ],
)
def test_column_kinds(values: Any, kind: str, expected: list[Any]) -> None:
    assert read(values) == (kind, expected)


def test_array_table_names_its_columns() -> None:
    x = np.array([[1, 5], [3, 6], [5, 10]], np.float32)
    encoder = Encoder.fit(x)
    assert encoder.column_names == ("x0", "x1")
    expected = encoder.transform(x)
    np.testing.assert_array_equal(encoder.transform({"x1": x[:, 1], "x0": x[:, 0]}), expected)
    np.testing.assert_array_equal(encoder.transform(np.asfortranarray(x.astype(np.float64))), expected)
    named = Encoder.fit({"a": x[:, 0], "b": x[:, 1]})
    np.testing.assert_array_equal(named.transform(x), expected)


def test_structured_array() -> None:
    records = np.array([(1.0, "a", True), (3.0, "b", False)], [("x", "f4"), ("c", "U3"), ("b", "?")])
    encoder = Encoder.fit(records, target="b")
    plain = {"x": [1.0, 3.0], "c": ["a", "b"], "b": [True, False]}
    assert encoder == Encoder.fit(plain, target="b")
    np.testing.assert_array_equal(encoder.transform(records), encoder.transform(plain))
    assert encoder.transform_target(records).tolist() == [1, 0]
    with pytest.raises(ValueError, match="table: wanted a 1-D structured array, got shape"):
        Encoder.fit(records.reshape(2, 1))


def test_importing_and_using_tabular_does_not_import_pandas_or_pyarrow() -> None:
    code = (
        "import sys, sprat.tabular as t; e = t.Encoder.fit({'a': ['x', 'y']}); e.transform({'a': ['x']});"
        "assert not {'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
