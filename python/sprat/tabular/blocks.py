"""Tables larger than memory: read and written a block of rows at a time."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FormatError
from . import files
from ._columns import same_length
from ._csv import csv_blocks, write_csv


def read_blocks(
    source: str | os.PathLike[str] | IO[str], columns: Mapping[str, str], rows: int = 65536
) -> Iterator[dict[str, NDArray[Any]]]:
    """Read a table a block of rows at a time, so that it may be larger than memory.

    Parameters
    ----------
    source : path or text stream
        As for `read_table`; a text stream is CSV. An NPZ file is read whole: its arrays are compressed.
    columns : mapping of name to "number" or "text"
        The columns to read, and how: no block may be read differently from another.
    rows : int
        Rows of a block; the last one has what is left. A CSV without rows gives one block without rows.

    Yields
    ------
    dict of (rows,) arrays

    Raises
    ------
    TypeError, ValueError, ImportError, sprat.errors.FormatError
        As for `read_table`, when the block with the mistake is reached.

    Examples
    --------
    >>> import io
    >>> stream = io.StringIO("name,height\\nAda,1.7\\nBob,1.8\\nCyd,1.6\\n")
    >>> for block in read_blocks(stream, {"height": "number"}, rows=2):
    ...     print(block["height"])
    [1.7 1.8]
    [1.6]
    """
    wanted = files._wanted(columns) or {}
    if "auto" in wanted.values():
        raise ValueError("columns: wanted 'number' or 'text' for every column")
    if rows < 1:
        raise ValueError(f"rows: wanted at least 1, got {rows}")
    if not isinstance(source, str | os.PathLike):
        name = getattr(source, "name", None)
        yield from csv_blocks(source, name if isinstance(name, str) else "the stream", wanted, rows)
        return
    path = Path(source)
    kind = files._kind(path)
    if kind == "csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            try:
                yield from csv_blocks(stream, str(path), wanted, rows)
            except UnicodeDecodeError as error:
                raise FormatError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from None
    elif kind == "parquet":
        with path.open("rb") as binary:
            yield from _parquet_blocks(binary, str(path), wanted, rows)
    else:
        table = files.read_table(path, wanted)
        for start in range(0, max(same_length(table), 1), rows):
            yield {name: values[start : start + rows] for name, values in table.items()}


def write_blocks(target: str | os.PathLike[str] | IO[str], blocks: Iterable[Mapping[str, ArrayLike]]) -> None:
    """Write a table a block of rows at a time.

    Parameters
    ----------
    target : path or text stream
        As for `write_table`. A stream gets each block as soon as there is one; an NPZ file is made in memory.
    blocks : iterable of mappings of name to (rows,) array
        All with the same names.

    Raises
    ------
    TypeError, ValueError, ImportError
        As for `write_table`; a file that was there before is left alone then.

    Examples
    --------
    >>> import sys
    >>> write_blocks(sys.stdout, [{"id": [1, 2]}, {"id": [3]}])
    id
    1
    2
    3
    """
    tables = (_table(block) for block in blocks)
    if not isinstance(target, str | os.PathLike):
        _write_csv(target, tables)
        return
    path = Path(target)
    kind = files._kind(path)
    if kind == "npz":
        parts = list(tables)
        names = parts[0] if parts else {}
        files.write_table(path, {name: np.concatenate([part[name] for part in parts]) for name in names})
        return
    with files._replacing(path) as stream:
        if kind == "csv":
            text = io.TextIOWrapper(stream, "utf-8", newline="")
            _write_csv(text, tables)
            text.detach()
        else:
            _write_parquet(stream, tables)


def _table(block: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    table = {str(name): files._array(str(name), values) for name, values in block.items()}
    same_length(table)
    return table


def _write_csv(stream: IO[str], tables: Iterable[dict[str, NDArray[Any]]]) -> None:
    for index, table in enumerate(tables):
        write_csv(stream, table, header=index == 0)
        stream.flush()


def _write_parquet(stream: BinaryIO, tables: Iterable[dict[str, NDArray[Any]]]) -> None:
    arrow, parquet = files._pyarrow()
    writer: Any = None
    for table in tables:
        arrays = {name: arrow.array(values, from_pandas=True) for name, values in table.items()}
        if writer is None:
            writer = parquet.ParquetWriter(stream, arrow.table(arrays).schema)
        writer.write_table(arrow.table(arrays).cast(writer.schema))
    if writer is not None:
        writer.close()


def _parquet_blocks(
    stream: BinaryIO, label: str, wanted: dict[str, str], rows: int
) -> Iterator[dict[str, NDArray[Any]]]:
    arrow, parquet = files._pyarrow()
    with files._parquet_errors(label):
        file = parquet.ParquetFile(stream)
        files._require_columns(label, file.schema_arrow.names, wanted)
        batches = file.iter_batches(rows, columns=list(wanted))
    while True:
        with files._parquet_errors(label):
            batch = next(batches, None)
        if batch is None:
            return
        yield files._arrow_columns(arrow.Table.from_batches([batch]), label)
