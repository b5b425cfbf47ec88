"""Where arrays lie: the one place that asks whether an array is in device memory, and what differs if it is.

Nothing here imports :mod:`sprat.cuda`; that happens when a device array or ``device="cuda"`` is met for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from . import _check, _core

_CUDA = (2, 13)  # kDLCUDA, kDLCUDAManaged of dlpack.h
_ALIGNMENT = 64  # bytes


def is_device_array(x: Any) -> bool:
    """Whether ``x`` is an array in the memory of a CUDA device, of whatever library."""
    if isinstance(x, np.ndarray):
        return False
    if hasattr(x, "__cuda_array_interface__"):  # which torch and JAX have for arrays on a GPU alone
        return True
    ask = getattr(type(x), "__dlpack_device__", None)
    return ask is not None and ask(x)[0] in _CUDA


def is_host_array(x: Any) -> bool:
    """Whether ``x`` is NumPy's."""
    return isinstance(x, np.ndarray)


def to_host(array: Any) -> Any:
    """``array`` in host memory: a copy of what is on the device, anything else as it is."""
    return cuda().asarray(array).numpy() if is_device_array(array) else array


def host_copy(array: Any) -> Any:
    """A copy in host memory."""
    return array.copy() if isinstance(array, np.ndarray) else to_host(array)


def filled_like(like: Any, value: Any) -> Any:
    """A new device array of the shape and dtype of one, filled with a number or an array of either memory."""
    fresh = cuda().empty(like.shape, like.dtype)
    fresh[...] = value
    return fresh


def call_from_host(model: Any, x: Any) -> Any:
    """``model(x)`` for ``x`` in host memory, and the outputs there too, wherever the model computes."""
    return to_host(model(getattr(model, "_place", CPU).put(x)))


def address(array: Any) -> int:
    """Where the array begins."""
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.pointer)


def refuse(what: str, *arrays: Any) -> None:
    """One line for what has no device kernel, if one of the arrays, or a model, is on a device."""
    if any(getattr(array, "device", None) == "cuda" or is_device_array(array) for array in arrays):
        raise TypeError(f'{what}: does not run on the device; copy to the host first (.to("cpu"), .numpy())')


def want_host(**arrays: Any) -> None:
    """One line that names the first of these arguments that is on a device."""
    for name, array in arrays.items():
        if is_device_array(array):
            raise TypeError(f"{name}: wanted an array in host memory, got one on a device; .numpy() copies it")


def cuda() -> Any:
    """:mod:`sprat.cuda`, imported when it is needed first."""
    from . import cuda as module

    return module


def kernels(name: str) -> Any:
    """The functions on device arrays that stand behind those of the package with the same names.

    ``name`` is that of the argument that is on the device: if there is no CUDA here, it should not be.
    """
    from .cuda import _functions

    try:
        _functions.require()
    except RuntimeError as error:
        raise TypeError(f"{name}: wanted an array in host memory, got one on a device; {error}") from None
    return _functions


class Place(Protocol):
    """What a network asks of the memory that it lies in."""

    name: str

    def empty(self, shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
        """A new array, not initialised."""

    def aligned_empty(self, length: int, dtype: np.dtype[Any]) -> Any:
        """A new flat array that begins at a multiple of 64 bytes, not initialised."""

    def put(self, array: Any) -> Any:
        """A host array as this place has it: itself on the CPU. None stays None."""

    def matrix(self, name: str, x: Any, columns: int, dtype: np.dtype[Any], rows: int | None = None) -> Any:
        """``x`` as (rows, columns) that the kernels can read, or one line that says what is wrong."""

    def vector(self, name: str, x: Any, length: int, dtype: np.dtype[Any]) -> Any:
        """``x`` as (length,)."""

    def target(self, loss: Any, y: Any, rows: int, columns: int, dtype: np.dtype[Any]) -> Any:
        """The targets of a loss."""

    def network(self, layout: Any) -> Any:
        """The structure as the kernels know it."""

    def workspace(self) -> Any:
        """What a training pass keeps."""

    def runner(self, native: Any, params: Any) -> Any:
        """What calls may go to directly; None if there is nothing."""

    def freeze(self, model: Any) -> Any:
        """A copy of a model that computes here, wherever the model lies."""


class Cpu:
    """Host memory: arrays are NumPy's, networks libsprat's."""

    name = "cpu"
    empty: ClassVar[Callable[..., Any]] = staticmethod(np.empty)
    matrix = staticmethod(_check.as_matrix)
    vector = staticmethod(_check.as_vector)
    workspace = staticmethod(_core.Workspace)
    runner = staticmethod(_core.ForwardPass)

    @staticmethod
    def aligned_empty(length: int, dtype: np.dtype[Any]) -> Any:
        """A new flat array at the beginning of a cache line, as wide as the widest register."""
        buffer = np.empty(length * dtype.itemsize + _ALIGNMENT, np.uint8)
        start = -buffer.ctypes.data % _ALIGNMENT
        return buffer[start : start + length * dtype.itemsize].view(dtype)

    @staticmethod
    def put(array: Any) -> Any:
        """The array itself."""
        return array

    @staticmethod
    def target(loss: Any, y: Any, rows: int, columns: int, dtype: np.dtype[Any]) -> Any:
        """The targets of a loss."""
        _check.refuse_masked("y", y)
        return loss.native_target(y, rows, columns, dtype)

    @staticmethod
    def network(layout: Any) -> Any:
        """The structure as libsprat knows it."""
        return layout.native()

    @staticmethod
    def freeze(model: Any) -> Any:
        """A predictor of libsprat."""
        return model._native_predictor()


CPU: Place = Cpu()


def place(device: Any) -> Place:
    """The memory that ``device`` names; one line if this machine, or this build, has none of it."""
    if device == "cpu":
        return CPU
    if device != "cuda":
        raise ValueError(f"device: wanted 'cpu' or 'cuda', got {_check.short(device)}")
    found: Place = cuda().place()
    return found
