"""Views of other libraries' arrays: CuPy, torch, JAX, Numba, by DLPack or ``__cuda_array_interface__``."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _dlpack, _streams
from ._dlpack import Described


def describe(name: str, x: Any, stream: int) -> Described:
    """Where an array on the device lies; ``stream`` waits for what its library still has to do with it.

    TypeError, with one line, for anything else.
    """
    if isinstance(x, np.ndarray):
        raise TypeError(f"{name}: wanted an array on the device, got a NumPy array; sprat.cuda.array copies it there")
    ask = getattr(type(x), "__dlpack_device__", None)
    if ask is not None and hasattr(x, "__dlpack__"):
        kind, _ = ask(x)
        if kind not in (_dlpack.CUDA, _dlpack.CUDA_MANAGED):
            where = "host memory" if kind == _dlpack.CPU else f"memory of another kind of device ({int(kind)})"
            raise TypeError(f"{name}: wanted an array on the device, got {_type(x)} in {where}")
        return _dlpack.read(name, x, stream)
    if hasattr(x, "__cuda_array_interface__"):
        return _interface(name, x, stream)
    raise TypeError(f"{name}: wanted an array on the device, got {_type(x)}")


def _type(x: Any) -> str:
    kind = type(x)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def _interface(name: str, x: Any, stream: int) -> Described:
    """By ``__cuda_array_interface__``, version 2 or 3; an older one could not say that it has a mask."""
    told = x.__cuda_array_interface__
    try:
        version, shape, (pointer, read_only) = told["version"], tuple(told["shape"]), told["data"]
        dtype, strides = np.dtype(told["typestr"]), told.get("strides")
    except (KeyError, TypeError, ValueError) as error:
        raise TypeError(f"{name}: __cuda_array_interface__ of {_type(x)} is not understood ({error!r})") from None
    if version < 2:
        raise TypeError(f"{name}: wanted __cuda_array_interface__ version 2 or 3, got {version}")
    if told.get("mask") is not None:
        raise TypeError(f"{name}: wanted a plain array, got a masked one; fill its gaps first")
    _streams.wait(stream, told.get("stream"))
    return Described(pointer or 0, shape, strides, dtype, _dlpack.CUDA, -1, bool(read_only), x)
