"""Tables in files: CSV, NPZ and Parquet."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FormatError
from ._columns import same_length
from ._csv import read_csv, write_csv

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".npz": "npz",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_KINDS = ("auto", "number", "text")


def read_table(
    source: str | os.PathLike[str] | IO[Any], columns: Iterable[str] | Mapping[str, str] | None = None
) -> dict[str, NDArray[Any]]:
    """Read a table as a dict of columns.

    Parameters
    ----------
    source : path or stream
        The suffix tells the format: .csv, .tsv, .txt (CSV), .npz, .parquet, .pq. A text stream is CSV; the
        first bytes of a binary stream tell its format.
    columns : names, or mapping of name to "auto", "number" or "text", optional
        The columns to read, all by default. A mapping also says how to read those of a CSV: pass
        `Encoder.column_kinds` to read a file as the one the encoder was fitted on.

    Returns
    -------
    dict of (rows,) arrays
        Numbers as they are stored; text as objects, None where missing.

    Raises
    ------
    sprat.errors.FormatError
        If the file is malformed: one line with the file's name and, in CSV, the line.
    ValueError
        If the suffix is unknown.
    ImportError
        If pyarrow is needed and not installed: the extra ``sprat[parquet]``.

    Notes
    -----
    CSV is UTF-8 (with or without a byte order mark), separated by comma, semicolon or tab, told by the header
    line that must name the columns. A column is int64 if all its cells are whole numbers, float64 if all are
    numbers or missing, bool if all are true or false, else text. In numbers, missing is an empty cell, NA,
    N/A, NaN, null, None or ?; in text, an empty cell only. Cells such as 007 are codes: text. Blank lines are
    skipped.

    NPZ: every 1-D array is a column; a 2-D array named x is the columns x0, x1, ... Pickled objects are
    refused.

    Parquet: whole numbers with missing values become float64 with NaN.

    Examples
    --------
    >>> import io
    >>> read_table(io.StringIO("id;name;height\\n007;Ada;1.7\\n008;;\\n"))["height"]
    array([1.7, nan])
    """
    wanted = _wanted(columns)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        kind = _kind(path)
        with path.open("rb") as stream:
            return _read(stream, kind, str(path), wanted)
    if not hasattr(source, "read"):
        raise TypeError(f"source: wanted a path or a stream, got {type(source).__name__}")
    content = source.read()
    name = getattr(source, "name", None)
    label = name if isinstance(name, str) else "the stream"
    if isinstance(content, str):
        return read_csv(io.StringIO(content, newline=""), label, wanted)
    kind = {b"PK\x03\x04": "npz", b"PAR1": "parquet"}.get(bytes(content[:4]), "csv")
    return _read(io.BytesIO(content), kind, label, wanted)


def write_table(target: str | os.PathLike[str] | IO[str], columns: Mapping[str, ArrayLike]) -> None:
    """Write columns as a table.

    Parameters
    ----------
    target : path or text stream
        The suffix tells the format: .csv or .txt (comma), .npz, .parquet or .pq. A stream gets CSV. A file
        appears whole or not at all: it is written beside its place and renamed.
    columns : mapping of name to (rows,) array
        Numbers, booleans or text, all of the same length. Missing values (NaN, None) become empty cells in
        CSV.

    Raises
    ------
    ValueError, TypeError
        For columns of different lengths or more dimensions, or an unknown suffix.
    ImportError
        If pyarrow is needed and not installed: the extra ``sprat[parquet]``.

    Examples
    --------
    >>> import io
    >>> stream = io.StringIO()
    >>> write_table(stream, {"class": ["cat", "dog"], "probability": np.float32([0.9, 0.75])})
    >>> print(stream.getvalue(), end="")
    class,probability
    cat,0.9
    dog,0.75
    """
    table = {str(name): _array(str(name), values) for name, values in columns.items()}
    same_length(table)
    if not isinstance(target, str | os.PathLike):
        write_csv(target, table)
        return
    path = Path(target)
    kind = _kind(path)
    with _replacing(path) as stream:
        if kind == "csv":
            text = io.TextIOWrapper(stream, "utf-8", newline="")
            write_csv(text, table)
            text.detach()
        elif kind == "npz":
            cast(Any, np.savez)(stream, **{name: _without_objects(name, v) for name, v in table.items()})
        else:
            arrow, parquet = _pyarrow()
            parquet.write_table(
                arrow.table({name: arrow.array(v, from_pandas=True) for name, v in table.items()}), stream
            )


def _wanted(columns: Iterable[str] | Mapping[str, str] | None) -> dict[str, str] | None:
    if columns is None:
        return None
    if isinstance(columns, str):
        raise TypeError(f"columns: wanted a list of names, got the text {columns!r}")
    wanted = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "auto")
    for name, kind in wanted.items():
        if kind not in _KINDS:
            raise ValueError(f"columns[{name!r}]: wanted one of {', '.join(_KINDS)}, got {kind!r}")
    return wanted


def _kind(path: Path) -> str:
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"the suffix: wanted one of {', '.join(_SUFFIXES)}, got {path.name!r}")
    return kind


def _read(stream: BinaryIO, kind: str, label: str, wanted: dict[str, str] | None) -> dict[str, NDArray[Any]]:
    if kind == "npz":
        return _pick(_read_npz(stream, label), label, wanted)
    if kind == "parquet":
        return _read_parquet(stream, label, wanted)
    with io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        try:
            return read_csv(text, label, wanted)
        except UnicodeDecodeError as error:
            raise FormatError(f"{label} is not UTF-8 text ({error.reason} at byte {error.start})") from None


def _pick(table: dict[str, NDArray[Any]], label: str, wanted: dict[str, str] | None) -> dict[str, NDArray[Any]]:
    if wanted is None:
        return table
    for name in wanted:
        if name not in table:
            raise FormatError(f"{label} has no column {name!r}")
    return {name: table[name] for name in wanted}


def _read_npz(stream: BinaryIO, label: str) -> dict[str, NDArray[Any]]:
    table: dict[str, NDArray[Any]] = {}
    try:
        with np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise FormatError(f"{label} is not a readable NPZ file: {str(error).splitlines()[0]}") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise FormatError(f"{label}: member {name!r} is not an array")
        if array.ndim not in (1, 2):
            raise FormatError(f"{label}: array {name!r}: wanted 1-D or 2-D, got shape {array.shape}")
        parts = {name: array} if array.ndim == 1 else {f"{name}{i}": array[:, i] for i in range(array.shape[1])}
        for key, column in parts.items():
            if key in table:
                raise FormatError(f"{label}: two columns are named {key!r}")
            table[key] = column
    try:
        same_length(table)
    except ValueError as error:
        raise FormatError(f"{label}: {error}") from None
    return table


def _read_parquet(stream: BinaryIO, label: str, wanted: dict[str, str] | None) -> dict[str, NDArray[Any]]:
    _, parquet = _pyarrow()
    with _parquet_errors(label):
        names = parquet.read_schema(stream).names
        stream.seek(0)
        _require_columns(label, names, wanted)
        table = parquet.read_table(stream, columns=None if wanted is None else list(wanted))
    return _arrow_columns(table, label)


@contextmanager
def _parquet_errors(label: str) -> Iterator[None]:
    arrow, _ = _pyarrow()
    try:
        yield
    except FormatError:
        raise
    except (arrow.ArrowException, OSError) as error:
        raise FormatError(f"{label} is not a readable Parquet file: {str(error).splitlines()[0]}") from None


def _require_columns(label: str, names: Iterable[str], wanted: dict[str, str] | None) -> None:
    for name in wanted or ():
        if name not in names:
            raise FormatError(f"{label} has no column {name!r}")


def _arrow_columns(table: Any, label: str) -> dict[str, NDArray[Any]]:
    arrow, _ = _pyarrow()
    columns: dict[str, NDArray[Any]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in columns:
            raise FormatError(f"{label}: two columns are named {name!r}")
        if arrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns[name] = column.to_numpy()
    return columns


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError("Parquet files need pyarrow: pip install 'sprat[parquet]'") from None
    return pyarrow, pyarrow.parquet


def _array(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"column {name!r}: wanted 1-D, got shape {array.shape}")
    return array


def _without_objects(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Text as fixed-width text: NPZ without pickle holds no objects. Missing text becomes empty text."""
    if values.dtype.kind != "O":
        return values
    items = values.tolist()
    if not all(v is None or isinstance(v, str) for v in items):
        raise TypeError(f"column {name!r} must hold numbers, booleans or text, got objects")
    return np.array([v or "" for v in items], np.str_)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when all went well."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
