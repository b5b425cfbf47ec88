"""Reading what ``__dlpack__`` gives: the structures of dlpack.h, without a copy and without the native module."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CPU, CUDA, CUDA_MANAGED = 1, 2, 13
_READ_ONLY = 1  # of the flags
_KINDS = {0: "i", 1: "u", 2: "f", 6: "b"}  # kDLInt, kDLUInt, kDLFloat, kDLBool


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.argtypes, _is_valid.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_int
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.argtypes, _pointer.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p


class Described(NamedTuple):
    """An array of another library: where it lies, and what keeps it alive."""

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None  # in bytes; None: C order without gaps
    dtype: np.dtype[Any]
    device_type: int
    device_id: int
    read_only: bool
    owner: Any


def read(name: str, x: Any, stream: int) -> Described:
    """Ask ``x`` for itself; it makes ``stream`` wait for what it still has to do.

    The capsule is kept and not consumed: as long as it lives so does the memory, and its own destructor gives it back.
    """
    capsule = _ask(name, x, stream)
    if _is_valid(capsule, b"dltensor_versioned"):
        versioned = ctypes.cast(_pointer(capsule, b"dltensor_versioned"), ctypes.POINTER(_Versioned)).contents
        if versioned.major != 1:
            raise ValueError(f"{name}: wanted DLPack 1, got version {versioned.major}")
        return _describe(name, versioned.tensor, bool(versioned.flags & _READ_ONLY), capsule)
    if _is_valid(capsule, b"dltensor"):
        tensor = ctypes.cast(_pointer(capsule, b"dltensor"), ctypes.POINTER(_Tensor)).contents
        return _describe(name, tensor, False, capsule)
    raise TypeError(f"{name}: __dlpack__ of {type(x).__name__} gave no DLPack capsule")


def _ask(name: str, x: Any, stream: int) -> Any:
    ask: Callable[..., Any] = x.__dlpack__
    try:
        try:
            return ask(stream=stream, max_version=(1, 0))
        except TypeError:  # a producer older than DLPack 1
            return ask(stream=stream)
    except (BufferError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TypeError(f"{name}: {type(x).__name__} cannot be shared: {reason}") from None


def _describe(name: str, tensor: Any, read_only: bool, owner: Any) -> Described:
    kind, bits = _KINDS.get(tensor.dtype.code), tensor.dtype.bits
    if kind is None or tensor.dtype.lanes != 1 or bits not in (8, 16, 32, 64):
        code = f"code {tensor.dtype.code}, {bits} bits, {tensor.dtype.lanes} lanes"
        raise TypeError(f"{name}: wanted numbers that NumPy has a dtype for, got DLPack {code}")
    dtype = np.dtype(f"{kind}{bits // 8}")
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    strides = tuple(tensor.strides[axis] * dtype.itemsize for axis in range(tensor.ndim)) if tensor.strides else None
    pointer = (tensor.data or 0) + tensor.byte_offset
    return Described(pointer, shape, strides, dtype, tensor.device.type, tensor.device.id, read_only, owner)
