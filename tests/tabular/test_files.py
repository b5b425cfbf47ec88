"""Tables in files: CSV in its dialects, NPZ, Parquet; malformed ones; what is written reads back."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sprat.errors import FormatError
from sprat.tabular import Encoder, read_table, write_table


def read(text: str, columns: Any = None) -> dict[str, list[Any]]:
    table = read_table(io.StringIO(text, newline=""), columns)
    return {name: [None if v != v else v for v in values.tolist()] for name, values in table.items()}


# -- CSV ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "dtype", "expected"),
    [
        ("1,2,-3", np.int64, [1, 2, -3]),
        ("1,2.5,1e3", np.float64, [1.0, 2.5, 1000.0]),
        ("1,,3", np.float64, [1.0, None, 3.0]),
        ("1,NA,?", np.float64, [1.0, None, None]),
        ("1.5,nan,null", np.float64, [1.5, None, None]),
        ("9223372036854775808,1,2", np.float64, [2.0**63, 1.0, 2.0]),
        ("inf,1,2", np.float64, [float("inf"), 1.0, 2.0]),
        ("true,False,TRUE", np.bool_, [True, False, True]),
        ("true,,False", np.object_, [True, None, False]),
        ("true,maybe,False", np.object_, ["true", "maybe", "False"]),
        ("a,NA,?", np.object_, ["a", "NA", "?"]),
        ("a,,b", np.object_, ["a", None, "b"]),
        ("007,8,9", np.object_, ["007", "8", "9"]),
        ("-01.5,8,9", np.object_, ["-01.5", "8", "9"]),
        ("0,0.5,-0.25", np.float64, [0.0, 0.5, -0.25]),
        ("1_000,2,3", np.object_, ["1_000", "2", "3"]),
        ("0x10,2,3", np.object_, ["0x10", "2", "3"]),
        (",NA,nan", np.float64, [None, None, None]),
    ],
)
def test_kind_of_a_column(cells: str, dtype: type, expected: list[Any]) -> None:
    text = "c,other\n" + "".join(f"{cell},x\n" for cell in cells.split(","))
    assert read_table(io.StringIO(text))["c"].dtype == dtype
    assert read(text)["c"] == expected


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x y\n2,z\n",
        "a;b\n1;x y\n2;z\n",
        "a\tb\n1\tx y\n2\tz\n",
        "\ufeffa,b\n1,x y\n2,z\n",
        "a,b\r\n1,x y\r\n2,z\r\n",
        "a,b\r1,x y\r2,z\r",
        '"a","b"\n"1","x y"\n"2","z"',
        "a, b\n1, x y\n2, z\n",
        "\n\na,b\n\n1,x y\n\n2,z\n\n",
    ],
)
def test_dialects(text: str) -> None:
    assert read(text) == {"a": [1, 2], "b": ["x y", "z"]}


def test_quoted_delimiters_quotes_and_newlines() -> None:
    text = 'name;"a;b,c,d"\n"x;""y""\nz";1\n ö ;2\n'
    assert read(text) == {"name": ['x;"y"\nz', " ö "], "a;b,c,d": [1, 2]}


def test_quoted_newline_in_the_header() -> None:
    assert read('"a\nb",c\n1,2\n') == {"a\nb": [1], "c": [2]}


def test_single_column_and_header_alone() -> None:
    assert read("a\n1\n2\n") == {"a": [1, 2]}
    assert read("a,b\n") == {"a": [], "b": []}


def test_columns_are_chosen_and_typed() -> None:
    text = "zip,n,t\n8001,1,\n3000,NA,\n"
    assert read(text, ["n", "zip"]) == {"n": [1.0, None], "zip": [8001, 3000]}
    assert read(text, {"zip": "text", "t": "number"}) == {"zip": ["8001", "3000"], "t": [None, None]}
    with pytest.raises(FormatError, match="the stream has no column 'q'"):
        read(text, ["q"])
    with pytest.raises(FormatError, match="the stream: column 'a' must hold numbers, got 'x' in row 1"):
        read("a\n1\nx\n", {"a": "number"})
    with pytest.raises(ValueError, match=r"columns\['a'\]: wanted one of auto, number, text, got 'int'"):
        read(text, {"a": "int"})
    with pytest.raises(TypeError, match="columns: wanted a list of names, got the text 'zip'"):
        read(text, "zip")


def test_a_file_is_read_as_the_one_of_fit() -> None:
    encoder = Encoder.fit(read_table(io.StringIO("size,n\nL,1\n40,2\n42,3\n")))
    later = "n,size\n2,42\n3,40\n"
    as_is = encoder.transform(read_table(io.StringIO(later)))
    as_fit = encoder.transform(read_table(io.StringIO(later), columns=encoder.column_kinds))
    np.testing.assert_array_equal(as_is, as_fit)
    assert as_fit[:, :2].tolist() == [[0, 1], [1, 0]]
    assert encoder.feature_names == ("size=40", "size=42", "size=L", "n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the stream is empty"),
        ("\ufeff\n\n", "the stream is empty"),
        ("a,b\n1,2\n\n1,2,3\n", "the stream, line 4: 3 fields where the header has 2"),
        ('a,b\n"x\ny",2\n1\n', "the stream, line 4: 1 fields where the header has 2"),
        ("\n\na,b\n1\n", "the stream, line 4: 1 fields where the header has 2"),
        ("1,2\n3,4\n", "the stream: the first line must name the columns, got 1, 2"),
        (",a\n0,1\n", "the stream: column 1 has no name (an index? write the file without it)"),
        ("a,b,a\n1,2,3\n", "the stream: two columns are named 'a'"),
        ('a,b\n1,"2\n', "the stream, line 2: unexpected end of data"),
        ('a,b\n1,"2"3\n', "the stream, line 2: ',' expected after '\"'"),
        ("a,b\n1," + "x" * 200_000, "the stream, line 2: field larger than field limit"),
    ],
)
def test_malformed_csv_is_one_clear_line(text: str, line: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(text)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_path_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1\n")
    with pytest.raises(FormatError, match=r"data\.csv, line 2: 1 fields where the header has 2"):
        read_table(path)
    path.write_bytes("a,ä\n1,2\n".encode("latin-1"))
    with pytest.raises(FormatError, match=r"data\.csv is not UTF-8 text \(.* at byte 2\)"):
        read_table(str(path))
    with pytest.raises(ValueError, match=r"the suffix: wanted one of \.csv, .*, got 'data\.xlsx'"):
        read_table(tmp_path / "data.xlsx")
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TypeError, match="source: wanted a path or a stream, got list"):
        read_table([1])  # type: ignore[arg-type]


# -- round trips -------------------------------------------------------------------------------------------

printable = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.none() | printable, st.floats(), st.integers(-(2**63), 2**63 - 1)), max_size=8),
    st.lists(printable, min_size=3, max_size=3, unique=True).filter(lambda n: not all(map(looks_numeric, n))),
)
def test_csv_reads_back_what_was_written(rows: list[tuple[Any, ...]], header: list[str]) -> None:
    table = {
        header[0]: np.array([row[0] for row in rows], object),
        header[1]: np.array([row[1] for row in rows], np.float64),
        header[2]: np.array([row[2] for row in rows], np.int64),
    }
    stream = io.StringIO(newline="")
    write_table(stream, table)
    again = read_table(
        io.StringIO(stream.getvalue(), newline=""), dict(zip(header, ["text", "number", "auto"], strict=True))
    )
    assert list(again) == header
    assert again[header[0]].tolist() == table[header[0]].tolist()
    np.testing.assert_array_equal(again[header[1]], table[header[1]])
    np.testing.assert_array_equal(again[header[2]], table[header[2]])


def looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("suffix", ["csv", "npz", "parquet"])
def test_formats_read_back(tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"table.{suffix}"
    write_table(
        path,
        {"x": np.array([0.1, 2.5, 1e-300]), "n": [1, 2, 3], "c": ["ä", "b", "a,b"], "b": [True, False, True]},
    )
    table = read_table(path)
    assert list(table) == ["x", "n", "c", "b"]
    assert table["x"].tolist() == [0.1, 2.5, 1e-300]
    assert table["n"].dtype == np.int64
    assert table["c"].tolist() == ["ä", "b", "a,b"]
    assert table["b"].tolist() == [True, False, True]
    assert list(read_table(path, ["c", "x"])) == ["c", "x"]
    with pytest.raises(FormatError, match="has no column 'q'"):
        read_table(path, ["q"])
    with path.open("rb") as stream:  # a stream without a suffix: the first bytes tell
        assert read_table(stream)["n"].tolist() == [1, 2, 3]
    assert os.listdir(tmp_path) == [path.name]


def test_float32_is_written_short() -> None:
    stream = io.StringIO()
    write_table(stream, {"p": np.array([0.1, np.nan, 3e8], np.float32), "c": np.array(["a", None, "b"], object)})
    assert stream.getvalue() == "p,c\n0.1,a\n,\n3e+08,b\n"


@pytest.mark.parametrize("suffix", ["csv", "npz", "parquet"])
def test_a_refused_write_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / f"table.{suffix}"
    write_table(path, {"a": [1, 2]})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="columns: wanted the same length: 'a' has 2 rows, 'b' has 1"):
        write_table(path, {"a": [1, 2], "b": [1]})
    with pytest.raises(ValueError, match=r"column 'a': wanted 1-D, got shape \(1, 1\)"):
        write_table(path, {"a": [[1]]})
    if suffix == "npz":
        with pytest.raises(TypeError, match="column 'a' must hold numbers, booleans or text, got objects"):
            write_table(path, {"a": np.array([object()])})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


# -- NPZ ---------------------------------------------------------------------------------------------------


def npz(**arrays: Any) -> io.BytesIO:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    stream.seek(0)
    return stream


def test_npz_matrix_becomes_columns() -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    table = read_table(npz(x=x, y=np.array([1, 0, 1])))
    assert list(table) == ["x0", "x1", "y"]
    np.testing.assert_array_equal(table["x1"], x[:, 1])
    assert Encoder.fit(table, "y").transform(x).tobytes() == Encoder.fit(x).transform(x).tobytes()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: npz(x=np.zeros((2, 2, 2))), "the stream: array 'x': wanted 1-D or 2-D, got shape (2, 2, 2)"),
        (lambda: npz(x=np.float64(3)), "the stream: array 'x': wanted 1-D or 2-D, got shape ()"),
        (lambda: npz(x=np.zeros((2, 1)), x0=np.zeros(2)), "the stream: two columns are named 'x0'"),
        (
            lambda: npz(x=np.zeros(2), y=np.zeros(3)),
            "the stream: columns: wanted the same length: 'x' has 2",
        ),
        (
            lambda: npz(x=np.array([object()])),
            "the stream is not a readable NPZ file: Object arrays cannot be",
        ),
        (lambda: io.BytesIO(npz(x=np.zeros(9)).getvalue()[:100]), "the stream is not a readable NPZ file: "),
    ],
)
def test_malformed_npz_is_one_clear_line(make: Any, line: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_table(make())
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_npz_with_foreign_members_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.txt", "hello")
    stream.seek(0)
    with pytest.raises(FormatError, match=r"the stream: member 'x\.txt' is not an array"):
        read_table(stream)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 400), st.integers(1, 255), st.booleans())
def test_damaged_npz_never_fails_otherwise(position: int, change: int, truncate: bool) -> None:
    content = bytearray(npz(x=np.arange(8.0), c=np.array(["a", "b"] * 4)).getvalue())
    position %= len(content)
    content[position] ^= change
    stream = io.BytesIO(bytes(content[:position] if truncate else content))
    try:
        read_table(stream)
    except FormatError as error:
        assert "\n" not in str(error)  # noqa: PT017


# -- Parquet -----------------------------------------------------------------------------------------------


def test_parquet_types(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "table.parquet"
    columns = {
        "n": arrow.array([1, None, 3]),
        "b": arrow.array([True, None, False]),
        "c": arrow.array(["u", None, "v"]).dictionary_encode(),
        "when": arrow.array([1, 2, 3], arrow.timestamp("s")),
    }
    parquet.write_table(arrow.table(columns), path)
    table = read_table(path)
    assert table["n"][0] == 1.0
    assert np.isnan(table["n"][1])
    assert table["c"].tolist() == ["u", None, "v"]
    assert table["b"].tolist() == [True, None, False]
    encoder = Encoder.fit({name: table[name] for name in "nbc"})
    assert encoder.feature_names == ("n", "n (missing)", "b", "b (missing)", "c=u", "c=v", "c (missing)")
    with pytest.raises(TypeError, match="column 'when' holds dates or times"):
        Encoder.fit(table)


def test_malformed_parquet_is_one_clear_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1 nothing here PAR1")
    with pytest.raises(FormatError, match=r"table\.parquet is not a readable Parquet file: "):
        read_table(path)


def test_without_pyarrow_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"^Parquet files need pyarrow: pip install 'sprat\[parquet\]'$"):
        read_table(path)
    with pytest.raises(ImportError, match="Parquet files need pyarrow"):
        write_table(tmp_path / "out.parquet", {"a": [1]})
    assert os.listdir(tmp_path) == [path.name]
