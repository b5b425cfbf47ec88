"""Tables read and written a block of rows at a time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import sprat
from sprat import tabular

TABLE = {"a": np.array([1.5, np.nan, 3.0, 4.0, 5.0]), "t": np.array(["x", None, "z,z", "w", "v"], object)}
KINDS = {"a": "number", "t": "text"}


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_there_and_back(tmp_path: Path, suffix: str, rows: int) -> None:
    path = tmp_path / f"table{suffix}"
    starts = range(0, 5, rows)
    tabular.write_blocks(path, [{n: v[i : i + rows] for n, v in TABLE.items()} for i in starts])
    whole = tmp_path / f"whole{suffix}"
    tabular.write_table(whole, TABLE)
    expected = tabular.read_table(whole, KINDS)
    blocks = list(tabular.read_blocks(path, KINDS, rows))
    assert [len(block["a"]) for block in blocks] == [min(rows, 5 - i) for i in starts]
    for name in KINDS:
        joined = np.concatenate([block[name] for block in blocks])
        np.testing.assert_array_equal(joined, expected[name])
    assert [path.name for path in tmp_path.glob("*tmp*")] == []


def test_a_stream_is_read_no_further_than_needed() -> None:
    def lines() -> object:
        yield "a\n"
        yield "1\n"
        yield "2\n"
        raise AssertionError("read on")

    class Stream:
        def __iter__(self) -> object:
            return lines()

    assert next(tabular.read_blocks(Stream(), {"a": "number"}, rows=2))["a"].tolist() == [1, 2]  # type: ignore[arg-type]


def test_a_header_without_rows_is_one_empty_block() -> None:
    (block,) = tabular.read_blocks(io.StringIO("a,t\n"), KINDS)
    assert {name: len(values) for name, values in block.items()} == {"a": 0, "t": 0}


def test_rows_are_counted_from_the_beginning_of_the_file() -> None:
    blocks = tabular.read_blocks(io.StringIO("a\n1\n2\n3\nx\n"), {"a": "number"}, rows=2)
    next(blocks)
    with pytest.raises(sprat.FormatError, match="got 'x' in row 3"):
        next(blocks)


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")

    def blocks() -> object:
        yield {"a": [1]}
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        tabular.write_blocks(path, blocks())  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        ({"a": "auto"}, 5, "wanted 'number' or 'text'"),
        ({"b": "number"}, 5, "no column 'b'"),
        ({"a": "number"}, 0, "rows"),
    ],
)
def test_bad_arguments(columns: dict[str, str], rows: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(tabular.read_blocks(io.StringIO("a\n1\n"), columns, rows))
