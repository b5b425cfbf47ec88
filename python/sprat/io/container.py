"""sprat's files: safetensors whose metadata say format version, kind and configuration.

    {"sprat": "1", "kind": "mlp", "config": "<canonical JSON>"}

A reader proves the whole header and the configuration before it asks for a tensor, and sizes come from the file: what a
hostile file can make it allocate is in proportion to the file. A packed weight that is all zeros is the worst: a bit of
the file becomes a float32 number, which is copied once.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ..errors import FormatError
from . import atomic, header, strict_json
from .atomic import PathLike
from .header import Entry
from .strict_json import shorten

VERSION = "1"
_KEYS = {"sprat", "kind", "config"}


@dataclass(frozen=True)
class Contents:
    """A proved header: what the file says it is, and how its tensors look."""

    path: str
    kind: str
    config: dict[str, Any]
    tensors: dict[str, Entry]
    data_start: int
    file_size: int


def write(path: PathLike, kind: str, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write one file atomically; equal contents give equal bytes."""
    atomic.write(path, chunks(kind, config, arrays))


def chunks(kind: str, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Any]:
    """The bytes of a file, in parts.

    Wider dtypes come first, so every tensor is aligned to its item; within a dtype the order is that of the names.
    """
    ordered = dict(sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    metadata = {"sprat": VERSION, "kind": kind, "config": strict_json.dumps(config)}
    return [header.build(metadata, ordered), *(_little_endian(array) for array in ordered.values())]


def _little_endian(array: np.ndarray) -> memoryview:
    contiguous = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return contiguous.reshape(-1).view(np.uint8).data


@contextlib.contextmanager
def format_errors(path: PathLike) -> Iterator[None]:
    """Turn what a parser finds wrong into one FormatError line that names the file."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        problem = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise FormatError(f"{os.fspath(path)!s}: {' '.join(problem.split())}") from None


@contextlib.contextmanager
def reading(path: PathLike) -> Iterator[tuple[Contents, BinaryIO]]:
    """Open a file, prove its header and hand out its contents and the open file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    FormatError
        It is not a sprat file, or something in it is wrong; also for anything wrong that the ``with`` body finds
        (ValueError and the like raised there become FormatError).
    """
    # O_NONBLOCK: a named pipe must not make us wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise FormatError(f"{os.fspath(path)!s}: {what}, not a sprat file")
    with open(descriptor, "rb", buffering=0) as file, format_errors(path):
        yield _prove(os.fsdecode(os.fspath(path)), file, status.st_size), file


def _prove(path: str, file: BinaryIO, size: int) -> Contents:
    length = header.header_length(_read_exactly(file, min(size, header.LENGTH_BYTES)), size)
    found = header.parse(_read_exactly(file, length), size - header.LENGTH_BYTES - length)
    metadata = found.metadata
    if "sprat" not in metadata:
        raise ValueError("a safetensors file that sprat did not write (its metadata lack the key 'sprat')")
    if metadata["sprat"] != VERSION:
        raise ValueError(
            f"format version {shorten(metadata['sprat'])} is unknown, this sprat reads version {VERSION!r}"
        )
    if metadata.keys() != _KEYS:
        odd = sorted(metadata.keys() ^ _KEYS)[0]
        raise ValueError(f"the metadata {'lack the' if odd in _KEYS else 'have the unknown'} key {shorten(odd)}")
    config = header.load_object("the configuration", metadata["config"])
    return Contents(path, metadata["kind"], config, found.tensors, found.data_start, size)


def read_array(contents: Contents, file: BinaryIO, name: str) -> np.ndarray:
    """Read one tensor into a new, native, writable array."""
    entry = contents.tensors[name]
    array = np.empty(entry.shape, dtype=entry.dtype)
    file.seek(contents.data_start + entry.begin)
    _fill(file, array.reshape(-1).view(np.uint8).data)
    if entry.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise ValueError(f"tensor {shorten(name)}: a BOOL byte is neither 0 nor 1")
    return array if sys.byteorder == "little" else array.astype(array.dtype.newbyteorder("="))


def read_arrays(contents: Contents, file: BinaryIO) -> dict[str, np.ndarray]:
    """Read every tensor."""
    return {name: read_array(contents, file, name) for name in contents.tensors}


def _read_exactly(file: BinaryIO, count: int) -> bytes:
    buffer = bytearray(count)
    _fill(file, memoryview(buffer))
    return bytes(buffer)


def _fill(file: BinaryIO, view: memoryview) -> None:
    position = 0
    while position < len(view):
        count = file.readinto(view[position:])  # type: ignore[attr-defined]
        if not count:
            raise ValueError("the file ended while it was read")
        position += count
