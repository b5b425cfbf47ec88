"""Data frames: every dtype a column may have, and the bits of the same table as a dict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sprat.tabular import Encoder
from sprat.tabular._columns import as_column

pd = pytest.importorskip("pandas")


NAN = float("nan")


def read(values: Any) -> tuple[str, list[Any]]:
    column = as_column("c", values)
    assert column.values.dtype == (object if column.kind == "text" else np.float64)
    return column.kind, [None if v != v else v for v in column.values.tolist()]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (lambda: pd.Series([1, 2]), "number", [1.0, 2.0]),
        (lambda: pd.Series([1, None], dtype="Int64"), "number", [1.0, None]),
        (lambda: pd.Series([1.5, None], dtype="Float32"), "number", [1.5, None]),
        (lambda: pd.Series([True, None], dtype="boolean"), "boolean", [1.0, None]),
        (lambda: pd.Series([True, False]), "boolean", [1.0, 0.0]),
        (lambda: pd.Series([1, pd.NA, 2.5], dtype=object), "number", [1.0, None, 2.5]),
        (lambda: pd.Series(["a", None, ""]), "text", ["a", None, None]),
        (lambda: pd.Series(["a", None], dtype=object), "text", ["a", None]),
        (lambda: pd.Series(["a", pd.NA], dtype="string"), "text", ["a", None]),
        (lambda: pd.Series(["a", pd.NA], dtype="string[pyarrow]"), "text", ["a", None]),
        (lambda: pd.Series([1, None], dtype="int64[pyarrow]"), "number", [1.0, None]),
        (lambda: pd.Series(["b", None, "a"], dtype="category"), "text", ["b", None, "a"]),
        (lambda: pd.Series([3, None, 1], dtype="category"), "number", [3.0, None, 1.0]),
        (lambda: pd.arrays.SparseArray([0.0, 2.0]), "number", [0.0, 2.0]),
        (lambda: pd.Series([1.0, 2.0], index=[7, 5]), "number", [1.0, 2.0]),
    ],
)
def test_pandas_columns(values: Any, kind: str, expected: list[Any]) -> None:
    assert read(values()) == (kind, expected)


@pytest.mark.parametrize(
    "values",
    [
        lambda: pd.to_datetime(pd.Series(["2026-01-01"])),
        lambda: pd.to_datetime(pd.Series(["2026-01-01"])).dt.tz_localize("UTC"),
        lambda: pd.Series([pd.Timestamp("2026-01-01"), pd.NaT], dtype=object),
        lambda: pd.to_timedelta(pd.Series(["1 day"])),
        lambda: pd.Series([1], dtype="timestamp[s][pyarrow]"),
    ],
)
def test_pandas_dates_are_refused(values: Any) -> None:
    with pytest.raises(TypeError, match="column 'when' holds dates or times; give numbers instead"):
        Encoder.fit(pd.DataFrame({"when": values()}))


def test_data_frame_gives_the_bits_of_a_dict() -> None:
    frame = pd.DataFrame(
        {
            "größe": [1.5, NAN, 2.5, 9.0],
            "n": pd.array([1, 2, None, 4], "Int64"),
            "b": [True, False, True, True],
            "c": pd.Categorical(["u", "v", None, "u"], categories=["v", "never", "u"]),
            "code": pd.Categorical([7, 8, 7, 9]),
            "s": pd.array(["x", None, "y", ""], "string"),
            "label": ["no", "yes", "yes", "no"],
        },
        index=[5, 3, 3, 1],
    )
    plain = {
        "größe": [1.5, None, 2.5, 9.0],
        "n": [1, 2, None, 4],
        "b": [True, False, True, True],
        "c": ["u", "v", None, "u"],
        "code": ["7", "8", "7", "9"],
        "s": ["x", None, "y", None],
        "label": ["no", "yes", "yes", "no"],
    }
    encoder = Encoder.fit(frame, target="label")
    assert encoder == Encoder.fit(plain, target="label")
    assert encoder.transform(frame).tobytes() == encoder.transform(plain).tobytes()
    assert encoder.transform_target(frame).tolist() == encoder.transform_target(frame["label"]).tolist() == [0, 1, 1, 0]
    turned = frame[frame.columns[::-1]].assign(code=[7, 8, 7, 9])
    assert encoder.transform(turned).tobytes() == encoder.transform(plain).tobytes()
    assert encoder.feature_names[5:8] == ("c=u", "c=v", "c (missing)")


def test_data_frame_with_equal_names_is_refused() -> None:
    with pytest.raises(ValueError, match="table has two columns named 'a'"):
        Encoder.fit(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_data_frame_with_numbered_columns() -> None:
    assert Encoder.fit(pd.DataFrame([[1, 2], [2, 2]])).column_names == ("0", "1")


def test_data_frame_as_a_column_is_refused() -> None:
    with pytest.raises(TypeError, match="column 'a': wanted a column of values, got DataFrame"):
        Encoder.fit({"a": pd.DataFrame({"b": [1]})})
