"""The container: what is written is read back, and nothing else is."""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.io import atomic, container, header, strict_json
from support import assert_same_bits

ARRAYS = {
    "b.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([1.5, -0.0]),
    "mask": np.array([0, 1, 1], np.uint8),
    "empty": np.empty((0, 4), np.float32),
    "scalar": np.array(3, np.int64),
}
CONFIG = {"model": {"name": 'é\u2028 "quoted"'}, "numbers": [1, 2.5, None, True]}


def read(path: Path) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    with container.reading(path) as (contents, file):
        return contents.kind, contents.config, container.read_arrays(contents, file)


def raw_file(path: Path, head: Any, data: bytes = b"") -> Path:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def good_head(**tensors: Any) -> dict[str, Any]:
    return {"__metadata__": {"sprat": "1", "kind": "x", "config": "{}"}, **tensors}


def tensor(begin: int, end: int, dtype: str = "U8", shape: Any = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "file"
    container.write(path, "x", CONFIG, ARRAYS)
    kind, config, arrays = read(path)
    assert (kind, config) == ("x", CONFIG)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        assert_same_bits(array, ARRAYS[name])
        assert array.flags.writeable


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    container.write(tmp_path / "a", "x", CONFIG, ARRAYS)
    container.write(tmp_path / "b", "x", dict(reversed(CONFIG.items())), dict(reversed(ARRAYS.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_byte_orders_and_layouts_are_written_as_values(tmp_path: Path) -> None:
    matrix = np.arange(12, dtype=">f4").reshape(3, 4)[:, ::2]
    container.write(tmp_path / "a", "x", {}, {"m": matrix})
    assert_same_bits(read(tmp_path / "a")[2]["m"], matrix.astype("f4"))


def test_data_is_aligned_and_other_readers_read_it(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    path = tmp_path / "file"
    container.write(path, "x", CONFIG, ARRAYS)
    with container.reading(path) as (contents, _):
        assert contents.data_start % 64 == 0
        for entry in contents.tensors.values():
            assert entry.begin % entry.dtype.itemsize == 0
    for name, array in load_file(path).items():
        assert_same_bits(array, ARRAYS[name])
    with safe_open(path, "np") as file:
        assert file.metadata()["kind"] == "x"


def test_files_of_another_writer_are_read(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "file"
    save_file(ARRAYS, path, {"sprat": "1", "kind": "x", "config": "{}"})
    for name, array in read(path)[2].items():
        assert_same_bits(array, ARRAYS[name])


@pytest.mark.parametrize(
    ("head", "data", "problem"),
    [
        (b"", b"", "too few"),
        (b"[]", b"", "does not begin"),
        (b'{"', b" ", "JSON"),
        (b"{}" + b"\0", b"", "JSON"),
        (b'{"\xff": 1}', b"", "UTF-8"),
        ({}, b"", "did not write"),
        ({"__metadata__": {"sprat": 1}}, b"", "object of strings"),
        ({"__metadata__": []}, b"", "object of strings"),
        ({"__metadata__": {"sprat": "2", "kind": "x", "config": "{}"}}, b"", "version '2' is unknown"),
        ({"__metadata__": {"sprat": "1", "config": "{}"}}, b"", "lack the key 'kind'"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": "{}", "z": ""}}, b"", "have the unknown key 'z'"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": "[]"}}, b"", "configuration is not a JSON object"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": '{"a":NaN}'}}, b"", "NaN is not a JSON number"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": '{"a":1e999}'}}, b"", "out of range"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": '{"a":1,"a":2}'}}, b"", "'a' stands twice"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": '{"a":' + "[" * 99999}}, b"", "nested deeper"),
        ({"__metadata__": {"sprat": "1", "kind": "x", "config": '{"a":' + "9" * 9999 + "}"}}, b"", "9999 digits"),
        (b'{"a":' + b"[" * 99999 + b"]" * 99999 + b"}", b"", "nested deeper"),
        (b'{"a":{}, "\\u0061":{}}', b"", "'a' stands twice"),
        (good_head(a=tensor(0, 4)), b"abc", "ends at byte 4, the data at byte 3"),
        (good_head(a=tensor(0, 4)), b"abcde", "1 bytes after the last tensor"),
        (good_head(a=tensor(1, 4)), b"abcd", "1 bytes before tensor 'a'"),
        (good_head(a=tensor(0, 2), b=tensor(3, 4)), b"abcd", "1 bytes before tensor 'b'"),
        (good_head(a=tensor(0, 3), b=tensor(2, 4)), b"abcd", "'b' overlaps"),
        (good_head(a=tensor(0, 4), b=tensor(0, 4)), b"abcd", "'b' overlaps"),
        (good_head(), b"a", "1 bytes after"),
        (good_head(a=tensor(4, 0, shape=[])), b"abcd", "data_offsets give -4"),
        (good_head(a=tensor(0, 4, "F32", [2])), b"abcd", "takes 8 bytes"),
        (good_head(a=tensor(0, 4, "F32", [2**40, 2**40])), b"abcd", "data_offsets give 4"),
        (good_head(a=tensor(0, 4, "Q9")), b"abcd", "unknown dtype 'Q9'"),
        (good_head(a=tensor(0, 4, ["U8"])), b"abcd", "unknown dtype"),  # type: ignore[arg-type]
        (good_head(a=tensor(0, 4, shape=[4.0])), b"abcd", "list of at most 8 sizes"),
        (good_head(a=tensor(0, 4, shape=[True, 4])), b"abcd", "list of at most 8 sizes"),
        (good_head(a=tensor(0, 4, shape=[-2, -2])), b"abcd", "list of at most 8 sizes"),
        (good_head(a=tensor(0, 4, shape=[1] * 9)), b"abcd", "list of at most 8 sizes"),
        (good_head(a={"dtype": "U8", "shape": [4]}), b"abcd", "nothing else"),
        (good_head(a=7), b"abcd", "nothing else"),
        (good_head(a={**tensor(0, 4), "more": 1}), b"abcd", "nothing else"),
        (good_head(a={"dtype": "U8", "shape": [4], "data_offsets": [0]}), b"abcd", "two positions"),
        (good_head(a=tensor(0, 4, "BOOL")), b"\0\1\2\1", "neither 0 nor 1"),
    ],
)
def test_hostile_headers_are_refused_in_one_line(tmp_path: Path, head: Any, data: bytes, problem: str) -> None:
    path = raw_file(tmp_path / "bad.safetensors", head, data)
    with pytest.raises(sprat.FormatError) as caught:
        read(path)
    message = str(caught.value)
    assert problem in message
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 400


def test_length_field(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    for length in (2**63, 2**64 - 1, 10**6, 3):
        path.write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(sprat.FormatError, match="claims"):
            read(path)


def test_a_header_of_more_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", header.MAX_HEADER_BYTES + 1))
        file.truncate(header.MAX_HEADER_BYTES + 100)  # a sparse file: takes no space
    with pytest.raises(sprat.FormatError, match="the limit is"):
        read(path)


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")
    with pytest.raises(sprat.FormatError, match="a folder"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(sprat.FormatError, match="not a regular file"):
        read(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    with pytest.raises(sprat.FormatError, match="empty"):
        read(tmp_path / "empty")


def test_a_long_hostile_name_makes_a_short_message(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "bad", good_head(**{"x" * 10**6: 1}))
    with pytest.raises(sprat.FormatError) as caught:
        read(path)
    assert len(str(caught.value)) < 300


def test_arrays_that_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="complex"):
        container.write(tmp_path / "a", "x", {}, {"m": np.zeros(2, complex)})
    with pytest.raises(ValueError, match="not JSON compliant"):
        container.write(tmp_path / "a", "x", {"a": float("nan")}, {})
    assert list(tmp_path.iterdir()) == []


# ---- atomic -----------------------------------------------------------------------------------------------------


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    atomic.write(path, [b"new"])
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic.write(tmp_path / "file", [b"new"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    target.write_bytes(b"old")
    (tmp_path / "link").symlink_to(target)
    atomic.write(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="not a regular file"):
        atomic.write(tmp_path / "folder", [b"new"])
    with pytest.raises(ValueError, match="not a regular file"):
        atomic.write("/dev/null", [b"new"])
    with pytest.raises(FileNotFoundError, match="folder"):
        atomic.write(tmp_path / "missing" / "file", [b"new"])


@pytest.mark.parametrize("when", ["write", "fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def chunks() -> Any:
        yield b"half"
        if when == "write":
            full()
        yield b"rest"

    if when != "write":
        monkeypatch.setattr(os, when, full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, chunks())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 120 + "x")
    atomic.write(path, [b"new"])
    assert path.read_bytes() == b"new"


# ---- JSON -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['{"a":"[[[[{{{{"}', r'{"a":"\"[\\"}', '["\\\\", {"b": []}]', "12", '"x"'])
def test_brackets_in_strings_are_not_nesting(text: str) -> None:
    assert strict_json.loads(text) == json.loads(text)


def test_depth_is_counted_exactly() -> None:
    deepest = "[" * strict_json.MAX_DEPTH + "]" * strict_json.MAX_DEPTH
    strict_json.loads(deepest)
    with pytest.raises(ValueError, match="nested deeper"):
        strict_json.loads(f"[{deepest}]")
