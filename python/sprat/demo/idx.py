"""The IDX format of the MNIST family: a magic number, big-endian sizes, then the elements (Y. LeCun's format page)."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

# Third byte of the magic number: type of the elements. Those of several bytes are big-endian.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_BYTES = 1 << 31


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one IDX file, compressed by gzip or not.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    ndarray
        In the machine's byte order.

    Raises
    ------
    FileNotFoundError
    sprat.FormatError
        Another magic number, a size that does not match the content, a broken or too large stream: one line that names
        the file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 9]))
    ...     read_idx(path)
    array([7, 2, 9], dtype=uint8)
    """
    content = _content(path)
    name = os.fspath(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or content[3] == 0:
        raise FormatError(f"{name} is not an IDX file: it begins with {content[:4].hex(' ') or 'nothing'}")
    dtype, dims = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * dims
    if len(content) < start:
        raise FormatError(f"{name}: the file ends within its {dims} sizes")
    shape = struct.unpack(f">{dims}I", content[4:start])
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) - start != wanted:
        sizes = "x".join(map(str, shape))
        raise FormatError(
            f"{name}: {sizes} elements of {dtype.itemsize} bytes announced, {len(content) - start} bytes there"
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _content(path: str | os.PathLike[str]) -> bytes:
    """The whole file, unpacked; a stream that unpacks to more than 2 GiB is refused before memory is gone."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            content = (gzip.GzipFile(fileobj=raw) if packed else raw).read(_MAX_BYTES + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise FormatError(f"{os.fspath(path)}: the gzip stream is broken ({error})") from None
    if len(content) > _MAX_BYTES:
        raise FormatError(f"{os.fspath(path)}: more than {_MAX_BYTES:,} bytes")
    return content


__all__ = ["read_idx"]
