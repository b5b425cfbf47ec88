"""Teacher outputs on disk: asked once, known again by content, mapped into memory.

A cache file is a plain ``.npy`` file (``numpy.load`` reads it) followed by a trailer of 72 bytes: 8 of magic, 32 that
say whose outputs of which rows these are (the key), and 32 that prove the bytes before (BLAKE2b both).
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io import atomic
from ..nn.mlp import MLP
from ..nn.model import Model

Array = NDArray[Any]

_MAGIC = b"SPRATKD1"
_DIGEST = 32
_TRAILER = len(_MAGIC) + 2 * _DIGEST
_CHUNK = 1 << 24
_MOST_HEADER = 10_000


def cached(
    path: str | os.PathLike[str], teacher: Any, x: Any, shape: tuple[int, int], dtype: Any, compute: Callable[[], Array]
) -> Array:
    """Outputs from the cache when it holds those of this teacher for these rows, else from ``compute``, then kept.

    Parameters
    ----------
    path : path
        A name that ends in ``.npy``, or a folder that exists, where each teacher and data set gets a file of its own.
    teacher
        A sprat model, a fitted estimator that can be pickled, or a list of these: known by content.
    x
        The rows it is asked about: known by content.
    shape, dtype
        Of the outputs.
    compute : callable
        Asks the teacher.

    Returns
    -------
    ndarray (rows, columns), mapped into memory copy-on-write

    Raises
    ------
    TypeError
        A teacher that is only code (a function) cannot be known again.
    ValueError
        The file is there and is not one of these: it is left alone. Or its folder cannot be written.

    Notes
    -----
    A file of another teacher or of other rows, and one whose bytes are damaged, is never used: it is asked again and
    replaced, with a ``UserWarning``. Writing is atomic: whatever stops it, the old file or the new one is there. Processes
    may share a file: each gets the outputs that it asked for, whoever writes last.
    """
    key = key_of(teacher, x, shape, np.dtype(dtype))
    file = _file(path, key)
    if os.path.exists(file):
        # One open file for check and reading: another process may replace the name in between.
        with open(file, "rb") as stream:
            problem = _problem(stream, file, key, shape, np.dtype(dtype))
            if problem is None:
                return _mapped(stream)
        warnings.warn(f"cache: {file!r} {problem}; the teacher is asked again and the file replaced", stacklevel=4)
    folder = os.path.dirname(os.path.realpath(file))
    if not (os.path.isdir(folder) and os.access(folder, os.W_OK)):  # better known before a long asking than after it
        raise ValueError(f"cache: wanted a folder that can be written, got {folder!r}")
    outputs = np.ascontiguousarray(compute(), dtype)
    _write(file, outputs, key)
    with open(file, "rb") as stream:
        return _mapped(stream) if _trailer(stream)[len(_MAGIC) : -_DIGEST] == key else outputs


def key_of(teacher: Any, x: Any, shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    """What outputs depend on, as 32 bytes."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    _add_text(digest, json.dumps([list(shape), dtype.str]))
    _add_teacher(digest, teacher)
    for part in _row_parts(x):
        if isinstance(part, str):
            _add_text(digest, part)
        else:
            _add_array(digest, part)
    return digest.digest()


def _add_teacher(digest: Any, teacher: Any) -> None:
    if isinstance(teacher, (list, tuple)):
        _add_text(digest, f"{len(teacher)} teachers")
        for one in teacher:
            _add_teacher(digest, one)
        return
    _add_text(digest, f"{type(teacher).__module__}.{type(teacher).__qualname__}")
    if isinstance(teacher, np.ndarray):
        _add_array(digest, teacher)
        return
    if isinstance(teacher, MLP):
        encoder = None if teacher.encoder is None else teacher.encoder.config()
        _add_text(digest, json.dumps([teacher.config(), encoder], sort_keys=True, default=str))
        _add_array(digest, teacher.params)
        return
    if not isinstance(teacher, Model) and not hasattr(teacher, "predict"):
        raise TypeError(
            f"cache: wanted a model or an estimator, whose content tells it from others, got a {type(teacher).__name__}; "
            "ask it yourself and pass the array of its outputs as teacher"
        )
    try:
        _add_bytes(digest, pickle.dumps(teacher, protocol=5))
    except Exception as error:
        raise TypeError(f"cache: a {type(teacher).__name__} cannot be told from others: {error}") from None


def _row_parts(x: Any) -> Iterator[Array | str]:
    """Names and columns of a table, or the array."""
    if isinstance(x, Mapping):
        for name, column in x.items():
            yield str(name)
            yield np.asarray(column)
    elif hasattr(x, "iloc"):
        for name in x.columns:
            yield f"{name} {x[name].dtype}"
            yield np.asarray(x[name])
    else:
        yield np.asarray(x)


def _add_array(digest: Any, array: Array) -> None:
    _add_text(digest, f"{array.shape} {array.dtype.descr if array.dtype.names else array.dtype.str}")
    if array.dtype.hasobject:
        for value in array.reshape(-1).tolist():
            _add_text(digest, f"{type(value).__name__} {value!r}")
        return
    rows = max(1, _CHUNK // max(array[:1].nbytes, 1)) if array.ndim else 1
    for begin in range(0, len(array) if array.ndim else 0, rows):
        digest.update(np.ascontiguousarray(array[begin : begin + rows]).tobytes())


def _add_text(digest: Any, text: str) -> None:
    _add_bytes(digest, text.encode("utf-8", "surrogatepass"))


def _add_bytes(digest: Any, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def _file(path: str | os.PathLike[str], key: bytes) -> str:
    name = os.fsdecode(os.fspath(path))
    if os.path.isdir(name):
        return os.path.join(name, f"teacher-{key.hex()[:16]}.npy")
    if not name.endswith(".npy"):
        raise ValueError(f"cache: wanted a folder that exists or a name that ends in .npy, got {name!r}")
    return name


def _write(file: str, outputs: Array, key: bytes) -> None:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(outputs))
    proof = hashlib.blake2b(header.getvalue(), digest_size=_DIGEST)
    data = outputs.data.cast("B") if outputs.size else b""
    proof.update(key)
    proof.update(data)
    atomic.write(file, [header.getvalue(), data, _MAGIC, key, proof.digest()])


def _problem(stream: Any, file: str, key: bytes, shape: tuple[int, int], dtype: np.dtype[Any]) -> str | None:
    """Why a file cannot be used, None if it can. ValueError when it is nothing of ours."""
    size = _size(stream)
    if stream.read(6) != b"\x93NUMPY":
        raise ValueError(f"cache: {file!r} is there and holds no teacher's outputs; name another file")
    trailer = _trailer(stream)
    if trailer[: len(_MAGIC)] != _MAGIC:
        # Either somebody's own array, complete as it is, or a file of ours that lost its end.
        if _is_whole_array(stream, size):
            raise ValueError(f"cache: {file!r} is there and holds no teacher's outputs; name another file")
        return "is damaged"
    stream.seek(0)
    proof = hashlib.blake2b(digest_size=_DIGEST)
    left = size - _TRAILER
    header = _header_length(stream)
    stream.seek(0)
    proof.update(stream.read(header))
    proof.update(trailer[len(_MAGIC) : -_DIGEST])
    left -= header
    while left > 0:
        part = stream.read(min(left, _CHUNK))
        proof.update(part)
        left -= len(part)
    if proof.digest() != trailer[-_DIGEST:]:
        return "is damaged"
    if trailer[len(_MAGIC) : -_DIGEST] != key:
        return "holds the outputs of another teacher or for other rows"
    mapped = _mapped(stream)
    return None if mapped.shape == shape and mapped.dtype == dtype else "is damaged"


def _size(stream: Any) -> int:
    return os.fstat(stream.fileno()).st_size


def _trailer(stream: Any) -> bytes:
    """The last bytes of a file, as many as a trailer has where there are so many."""
    stream.seek(max(_size(stream) - _TRAILER, 0))
    trailer: bytes = stream.read()
    return trailer


def _header_length(stream: Any) -> int:
    """Bytes before the data of a .npy file of version 1.0; at most as many as such a header can have."""
    start = stream.read(10)
    return min(10 + int.from_bytes(start[8:10], "little"), _MOST_HEADER)


def _is_whole_array(stream: Any, size: int) -> bool:
    try:
        array = _memory_map(stream)
    except (ValueError, OSError, EOFError):
        return False
    return array.offset + array.nbytes == size


def _mapped(stream: Any) -> Array:
    if _size(stream) < _CHUNK:
        stream.seek(0)
        small: Array = np.load(stream, allow_pickle=False)
        return small
    return _memory_map(stream)


def _memory_map(stream: Any) -> np.memmap[Any, Any]:
    """The array of an open .npy file, copy-on-write (numpy.load maps by name alone)."""
    stream.seek(0)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("objects cannot be mapped")
    return np.memmap(stream, dtype, "c", stream.tell(), shape, "F" if fortran else "C")
