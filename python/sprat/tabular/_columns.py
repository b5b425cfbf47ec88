"""Any table as named columns of two kinds: float64 numbers with NaN, or text with None.

This is the only place that knows data frames, structured arrays, masked arrays, missing-value objects and the
like.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_MISSING_NAMES = {"NoneType", "NAType", "NaTType"}  # None, pandas.NA, pandas.NaT, without importing pandas


@dataclass(frozen=True)
class Column:
    """One column: `values` is float64 (rows,) with NaN for missing, or object (rows,) of str with None for
    missing."""

    kind: Literal["number", "boolean", "text"]
    values: NDArray[Any]
    categorical: bool = False  # said so by the table itself (a pandas categorical)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where there is no value, (rows,)."""
        if self.kind == "text":
            return np.fromiter((v is None for v in self.values.tolist()), np.bool_, len(self.values))
        return np.asarray(np.isnan(self.values))

    def as_text(self) -> NDArray[Any]:
        """The values as text: numbers in their shortest form (3, 0.5), booleans as False and True."""
        if self.kind == "text":
            return self.values
        texts = np.full(len(self.values), None, object)
        there = ~self.missing
        distinct, where = np.unique(self.values[there], return_inverse=True)
        names = [str(bool(v)) if self.kind == "boolean" else number_text(v) for v in distinct.tolist()]
        texts[there] = np.array(names, object)[where]
        return texts


def number_text(value: float) -> str:
    """Shortest text of a number: '3' for 3.0, '0.5' for 0.5.

    >>> number_text(3.0), number_text(0.5)
    ('3', '0.5')
    """
    return str(int(value)) if value.is_integer() else repr(value)


def is_pandas(value: Any) -> bool:
    """Whether `value` is an object of pandas (or derived from one), told without importing pandas."""
    return any(cls.__module__.partition(".")[0] == "pandas" for cls in type(value).__mro__)


def is_table(value: Any) -> bool:
    """Whether `value` has named columns: a data frame, a mapping, or a structured array."""
    if isinstance(value, np.ndarray):
        return value.dtype.names is not None
    return isinstance(value, Mapping) or (is_pandas(value) and hasattr(value, "columns"))


def raw_columns(table: Any) -> dict[str, Any]:
    """The columns of a table by name, not yet looked at.

    A 2-D array has columns x0, x1, ...; other names become text, so the columns 0, 1 of a data frame are "0",
    "1".
    """
    if isinstance(table, np.ndarray):
        if table.dtype.names is not None:
            if table.ndim != 1:
                raise ValueError(f"table: wanted a 1-D structured array, got shape {table.shape}")
            pairs: Iterable[tuple[Any, Any]] = ((name, table[name]) for name in table.dtype.names)
        elif table.ndim == 2:
            pairs = ((f"x{i}", table[:, i]) for i in range(table.shape[1]))
        else:
            raise ValueError(f"table: wanted 2-D, got shape {table.shape}")
    elif isinstance(table, Mapping):
        pairs = table.items()
    elif is_table(table):
        pairs = ((name, table.iloc[:, i]) for i, name in enumerate(table.columns))
    else:
        raise TypeError(
            "table: wanted a data frame, a dict of columns, a structured array or a 2-D array, "
            f"got {type(table).__name__}"
        )
    columns: dict[str, Any] = {}
    for name, values in pairs:
        if str(name) in columns:
            raise ValueError(f"table has two columns named {str(name)!r}")
        columns[str(name)] = values
    return columns


def same_length(columns: Mapping[str, Any]) -> int:
    """The number of rows, the same in every column, else one line."""
    rows: int | None = None
    first = ""
    for name, values in columns.items():
        try:
            length = len(values)
        except TypeError:
            raise TypeError(f"column {name!r}: wanted a column of values, got {type(values).__name__}") from None
        if rows is None:
            rows, first = length, name
        elif length != rows:
            raise ValueError(f"columns: wanted the same length: {first!r} has {rows} rows, {name!r} has {length}")
    return rows or 0


def as_column(name: str, values: Any) -> Column:
    """Read one column.

    Parameters
    ----------
    name : str
        Its name, for messages.
    values : 1-D array, pandas Series or sequence
        Numbers, booleans or text; missing are NaN, None, pandas.NA and the empty text.

    Raises
    ------
    TypeError
        For anything else: dates, bytes, a mixture of text and numbers, other objects.
    """
    if type(values) is np.ndarray:
        return _from_array(name, values)
    if is_pandas(values):
        return _from_pandas(name, values)
    if isinstance(values, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(values)
        values = np.asarray(values.data).astype(object)
        values[masked] = None
    elif isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise TypeError(f"column {name!r}: wanted a column of values, got {type(values).__name__}")
    elif hasattr(values, "__array__"):
        values = np.asarray(values)
    else:
        values = np.fromiter(values, object, len(values))  # not np.array: it turns [1, "a"] into text
    return _from_array(name, values)


def _from_array(name: str, array: NDArray[Any]) -> Column:
    if array.ndim != 1:
        raise ValueError(f"column {name!r}: wanted 1-D, got shape {array.shape}")
    kind = array.dtype.kind
    if kind in "iuf":
        return Column("number", array.astype(np.float64, copy=False))
    if kind == "b":
        return Column("boolean", array.astype(np.float64))
    if kind == "U":
        values = array.astype(object)
        values[array == ""] = None
        return Column("text", values)
    if kind in "mM":
        raise _times(name)
    if kind in "OT":
        return _from_objects(name, array.tolist())
    raise TypeError(f"column {name!r} must hold numbers, text or booleans, got {array.dtype}")


def _from_pandas(name: str, series: Any) -> Column:
    if hasattr(series, "columns") or not hasattr(series, "to_numpy"):
        raise TypeError(f"column {name!r}: wanted a column of values, got {type(series).__name__}")
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _from_array(name, series.to_numpy())
    if hasattr(dtype, "categories"):
        inner = _from_pandas(name, series.cat.categories)
        nothing = np.array([None if inner.kind == "text" else np.nan], inner.values.dtype)
        codes = series.cat.codes.to_numpy()  # -1 is missing: the last of `values`
        return Column(inner.kind, np.concatenate([inner.values, nothing])[codes], categorical=True)
    kind = getattr(dtype, "kind", "O")
    if kind in "iufb":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return Column("boolean" if kind == "b" else "number", values)
    if kind in "mM":
        raise _times(name)
    return _from_objects(name, series.astype(object).tolist())


def _from_objects(name: str, items: list[Any]) -> Column:
    types = set(map(type, items))
    absent = {t for t in types if t.__name__ in _MISSING_NAMES}
    present = types - absent
    if any(issubclass(t, _TIMES) for t in present):
        raise _times(name)
    if present and all(issubclass(t, bool | np.bool_) for t in present):
        return Column("boolean", _floats(name, items, absent))
    if all(issubclass(t, Real | Decimal | np.bool_) for t in present):
        return Column("number", _floats(name, items, absent))
    texts = {t for t in present if issubclass(t, str)}
    floats = {t for t in present if issubclass(t, float | np.floating)}
    for t in present - texts - floats:
        if texts and issubclass(t, Real | Decimal | np.bool_):
            raise _mixture(name, items)
        raise TypeError(f"column {name!r} must hold numbers, text or booleans, got {t.__name__}")
    if any(type(v) in floats and v == v for v in items if floats):  # a NaN among text is a missing text
        raise _mixture(name, items)
    values = np.empty(len(items), object)
    if present == {str}:
        values[:] = [v if type(v) is str and v != "" else None for v in items]
    else:
        values[:] = [str(v) if type(v) in texts and v != "" else None for v in items]
    return Column("text", values)


def _floats(name: str, items: list[Any], absent: set[type]) -> NDArray[np.float64]:
    try:
        return np.array([np.nan if type(v) in absent else float(v) for v in items], np.float64)
    except OverflowError:
        raise ValueError(f"column {name!r} holds a number beyond float64") from None


def _mixture(name: str, items: list[Any]) -> TypeError:
    row = next(i for i, v in enumerate(items) if isinstance(v, Real | Decimal | np.bool_) and v == v)
    return TypeError(f"column {name!r} mixes text and numbers (row {row} holds {items[row]!r})")


def _times(name: str) -> TypeError:
    return TypeError(f"column {name!r} holds dates or times; give numbers instead, such as days since a date")
