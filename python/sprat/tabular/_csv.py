"""CSV text as columns, and columns as CSV text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

_DELIMITERS = (",", ";", "\t")
# In a column that otherwise holds numbers or booleans these are missing; in text only the empty one is.
_MISSING = frozenset(["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"])
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_QUOTED = re.compile(r'"[^"]*"?')
_TO_QUOTE = re.compile(r'[",;\t\r\n\ufeff]|^\s|\s$')
_CODE = re.compile(r"^[+-]?0[0-9]", re.MULTILINE)  # 007 is a code, not a number


def read_csv(stream: IO[str], source: str, wanted: Mapping[str, str] | None) -> dict[str, NDArray[Any]]:
    """Columns of a CSV text; `wanted` maps the names to read to "number", "text" or "auto" (None: all)."""
    (table,) = csv_blocks(stream, source, wanted, None)
    return table


def csv_blocks(
    stream: IO[str], source: str, wanted: Mapping[str, str] | None, size: int | None
) -> Iterator[dict[str, NDArray[Any]]]:
    """The same, `size` rows at a time (None: all at once); the first block is there even if it has no rows."""
    lines = _parse(stream, source)
    header = next(lines)
    kinds = dict.fromkeys(header, "auto") if wanted is None else wanted
    for name in kinds:
        if name not in header:
            raise FormatError(f"{source} has no column {name!r}")
    start = 0
    while True:
        rows = list(islice(lines, size))
        if rows or start == 0:
            cells = dict(zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True))
            yield {name: _column(source, name, cells[name], kind, start) for name, kind in kinds.items()}
        start += len(rows)
        if size is None or len(rows) < size:
            return


def _parse(stream: IO[str], source: str) -> Iterator[list[str]]:
    """The header, then the rows, each with as many cells."""
    lines = iter(stream)
    skipped, head = next(((i, text) for i, text in enumerate(lines) if text.strip("\ufeff\r\n")), (0, None))
    if head is None:
        raise FormatError(f"{source} is empty")
    head = head.removeprefix("\ufeff")
    bare = _QUOTED.sub("", head)
    delimiter = max(_DELIMITERS, key=bare.count)
    spaced = 0 < bare.count(delimiter) == bare.count(delimiter + " ")
    reader = csv.reader(chain([head], lines), delimiter=delimiter, skipinitialspace=spaced, strict=True)
    try:
        header = next(reader)
        _check_header(header, source)
        yield header
        width = len(header)
        for row in reader:
            if len(row) != width:
                if not row:
                    continue  # a blank line
                line = skipped + reader.line_num
                raise FormatError(f"{source}, line {line}: {len(row)} fields where the header has {width}")
            yield row
    except csv.Error as error:
        raise FormatError(f"{source}, line {skipped + reader.line_num}: {error}") from None


def _check_header(header: list[str], source: str) -> None:
    if all(_number(name) is not None for name in header):
        raise FormatError(f"{source}: the first line must name the columns, got {', '.join(header[:4])}")
    for i, name in enumerate(header):
        if not name:
            raise FormatError(f"{source}: column {i + 1} has no name (an index? write the file without it)")
        if name in header[:i]:
            raise FormatError(f"{source}: two columns are named {name!r}")


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell or _CODE.search(cell) else float(cell)
    except ValueError:
        return None


def _column(source: str, name: str, cells: tuple[str, ...], kind: str, start: int = 0) -> NDArray[Any]:
    if kind != "text":
        numbers = _numbers(cells)
        if numbers is not None:
            return numbers
        if kind == "number":
            raise _not_a_number(source, name, cells, start)
    texts = np.empty(len(cells), object)
    texts[:] = [cell or None for cell in cells]
    return texts


def _numbers(cells: tuple[str, ...]) -> NDArray[Any] | None:
    """int64, float64 with NaN, or booleans (objects with None if some are missing); None if text."""
    distinct = set(cells)
    missing = distinct & _MISSING
    there = distinct - missing
    if there and there <= _BOOLEANS.keys():
        return np.array([_BOOLEANS.get(cell) for cell in cells], object if missing else np.bool_)
    joined = "\n".join(there)
    if "_" in joined or _CODE.search(joined):  # float() takes 1_000 and 007
        return None
    try:
        if missing or not cells:
            return np.array([np.nan if cell in missing else float(cell) for cell in cells], np.float64)
        try:
            return np.array(list(map(int, cells)), np.int64)
        except (ValueError, OverflowError):
            return np.array(list(map(float, cells)))
    except ValueError:
        return None


def _not_a_number(source: str, name: str, cells: tuple[str, ...], start: int) -> FormatError:
    row, cell = next((i, c) for i, c in enumerate(cells) if c not in _MISSING and _number(c) is None)
    return FormatError(f"{source}: column {name!r} must hold numbers, got {cell[:40]!r} in row {start + row}")


def write_csv(stream: IO[str], columns: Mapping[str, NDArray[Any]], *, header: bool = True) -> None:
    """Header and rows, comma separated; missing values are empty, numbers in their shortest form."""
    if header:
        stream.write(",".join(map(_quoted, columns)) + "\n")
    empty = '""' if len(columns) == 1 else ""  # a blank line is no row
    for row in zip(*(_cells(values, empty) for values in columns.values()), strict=True):
        stream.write(",".join(row) + "\n")


def _cells(values: NDArray[Any], empty: str) -> list[str]:
    kind = values.dtype.kind
    if values.dtype == np.float64:
        return [empty if v != v else repr(v) for v in values.tolist()]
    if kind == "f":
        return [empty if v != v else str(v) for v in values]  # of the NumPy scalar: short for float32 too
    if kind in "iub":
        return list(map(str, values.tolist()))
    return [empty if v is None or v != v else _quoted(str(v)) for v in values.tolist()]


def _quoted(text: str) -> str:
    """In quotes where it must be; Python's own writer (to 3.12) forgets carriage returns and outer spaces."""
    return '"' + text.replace('"', '""') + '"' if not text or _TO_QUOTE.search(text) else text
