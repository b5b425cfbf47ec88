"""The IDX format."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sprat
from sprat.demo import read_idx

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("packed", [False, True])
def test_every_type(tmp_path: Path, code: int, shape: tuple[int, ...], packed: bool) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(TYPES[code])
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + array.tobytes()
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    read = read_idx(tmp_path / "a")
    np.testing.assert_array_equal(read, array)
    assert read.dtype.isnative


@given(content=st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_format_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    for head in (b"", b"\0\0\x08\x01\0\0\0\x03", b"\x1f\x8b\x08", b"\0\0\x0e\x02\xff\xff\xff\xff"):
        path.write_bytes(head + content)
        with contextlib.suppress(sprat.FormatError):
            assert isinstance(read_idx(path), np.ndarray)
