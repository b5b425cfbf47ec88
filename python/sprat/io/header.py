"""The header of a safetensors file, proved before a single tensor is touched.

Layout (https://github.com/huggingface/safetensors#format): eight bytes with the header's length (little endian), the
header (a JSON object, padded with spaces), then the tensors' bytes. The header names each tensor's dtype, shape and
``data_offsets`` = [begin, end) counted from the first byte after the header.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import strict_json
from .strict_json import shorten

LENGTH_BYTES = 8
# Encoders of tables put their categories into the header; more than this is no small network.
MAX_HEADER_BYTES = 32 * 1024 * 1024
# The data begins, and every tensor of ours ends, on a multiple of this, so that a mapped file is aligned for any
# vector.
ALIGNMENT = 64

DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
CODES: Mapping[np.dtype[Any], str] = {dtype: code for code, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Entry:
    """One tensor of the header: dtype, shape and its bytes [begin, end) in the data section."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """Metadata, tensors in the order of their bytes, and where in the file the data section begins."""

    metadata: dict[str, str]
    tensors: dict[str, Entry]
    data_start: int


def build(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The length field and the header for arrays whose bytes follow in the mapping's order without a gap."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    position = 0
    for name, array in arrays.items():
        code = CODES.get(array.dtype.newbyteorder("<"))
        if code is None:
            raise ValueError(f"tensor {name!r}: dtype {array.dtype} cannot be saved")
        header[name] = {
            "dtype": code,
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    text = strict_json.dumps(header).encode()
    padding = -(LENGTH_BYTES + len(text)) % ALIGNMENT
    if len(text) + padding > MAX_HEADER_BYTES:
        raise ValueError(f"the header would take {len(text)} bytes, more than the limit of {MAX_HEADER_BYTES}")
    return struct.pack("<Q", len(text) + padding) + text + b" " * padding


def header_length(prefix: bytes, file_size: int) -> int:
    """The header's length from the file's first eight bytes; ValueError when it cannot be one."""
    if file_size == 0:
        raise ValueError("the file is empty")
    if len(prefix) < LENGTH_BYTES or file_size < LENGTH_BYTES + 2:
        raise ValueError(f"{file_size} bytes are too few for a safetensors file")
    length = int(struct.unpack("<Q", prefix)[0])
    if length > file_size - LENGTH_BYTES:
        raise ValueError(f"the header claims {length} bytes, the file has {file_size - LENGTH_BYTES} after the length")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"the header claims {length} bytes, the limit is {MAX_HEADER_BYTES}")
    if length < 2:
        raise ValueError(f"the header claims {length} bytes")
    return length


def parse(raw: bytes, data_size: int) -> Header:
    """Read and prove the header's bytes: every tensor in order, no hole, no overlap, nothing left over."""
    if raw[:1] != b"{":
        raise ValueError("the header does not begin with '{'")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the header is not UTF-8 (byte {error.start})") from None
    fields = load_object("the header", text.rstrip(" "))
    metadata = fields.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("__metadata__ is not an object of strings")
    tensors = dict(sorted(_entries(fields), key=lambda item: (item[1].begin, item[1].end)))
    _check_cover(tensors, data_size)
    return Header(metadata, tensors, LENGTH_BYTES + len(raw))


def load_object(what: str, text: str) -> dict[str, Any]:
    """The JSON object in a text; ValueError that names ``what`` otherwise."""
    try:
        value = strict_json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object")
    return value


def _entries(fields: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    for name, field in fields.items():
        what = f"tensor {shorten(name)}"
        if not isinstance(field, dict) or field.keys() != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"{what}: wanted dtype, shape and data_offsets, nothing else")
        code, shape, offsets = field["dtype"], field["shape"], field["data_offsets"]
        if not isinstance(code, str) or code not in DTYPES:
            raise ValueError(f"{what}: unknown dtype {shorten(code)}")
        if not _is_sizes(shape) or len(shape) > 8:
            raise ValueError(f"{what}: shape {shorten(shape)} is not a list of at most 8 sizes")
        if not _is_sizes(offsets) or len(offsets) != 2:
            raise ValueError(f"{what}: data_offsets {shorten(offsets)} are not two positions")
        begin, end = offsets
        wanted = math.prod(shape) * DTYPES[code].itemsize
        if end - begin != wanted:
            raise ValueError(f"{what}: {code} {shorten(shape)} takes {wanted} bytes, data_offsets give {end - begin}")
        yield name, Entry(DTYPES[code], tuple(shape), begin, end)


def _is_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _check_cover(tensors: dict[str, Entry], data_size: int) -> None:
    position = 0
    for name, entry in tensors.items():
        if entry.begin > position:
            raise ValueError(f"{entry.begin - position} bytes before tensor {shorten(name)} belong to no tensor")
        if entry.begin < position:
            raise ValueError(f"tensor {shorten(name)} overlaps the one before it")
        if entry.end > data_size:
            raise ValueError(f"tensor {shorten(name)} ends at byte {entry.end}, the data at byte {data_size}")
        position = entry.end
    if position != data_size:
        raise ValueError(f"{data_size - position} bytes after the last tensor belong to no tensor")
