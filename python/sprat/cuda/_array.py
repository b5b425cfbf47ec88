"""Arrays in device memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _dlpack, _foreign, _streams
from ._memory import Borrowed, Memory
from ._native import module as native

HostArray = npt.NDArray[Any]


class Array:
    """An array in the memory of the device: an owner of memory, or a view of somebody's. Made by `array`, `asarray` and
    `empty`; always C-contiguous.

    It carries numbers between sprat and other libraries, and does no arithmetic: ``torch.from_dlpack(a)``,
    ``cupy.asarray(a)`` and ``jax.dlpack.from_dlpack(a)`` see the same memory. It never becomes a NumPy array behind your
    back: `numpy` copies to the host.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    pointer : int
        Address on the device.
    device : str
        ``"cuda"``
    device_id, stream : int
        Number of the device, and the stream of the last call that used the memory: who reads the array by DLPack or
        ``__cuda_array_interface__`` waits for it.

    Notes
    -----
    ``a[i:j]`` is a view of rows. ``a[...] = values`` copies from the host or the device; any other place that NumPy
    understands can be assigned too, by way of the host.

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     a = sprat.cuda.array([[1.0, 2.0], [3.0, 4.0]])
    ...     assert a[1:].numpy().tolist() == [[3.0, 4.0]]
    """

    __slots__ = ("__weakref__", "dtype", "owner", "pointer", "shape", "writeable")
    __array_ufunc__ = None  # NumPy's functions refuse it, instead of asking for elements
    device = "cuda"

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    owner: Memory | Borrowed
    writeable: bool

    # ---- what it is

    @property
    def device_id(self) -> int:
        """Number of the device."""
        return self.owner.device_id

    @property
    def stream(self) -> int:
        """Stream of the last call that used the memory."""
        return self.owner.stream

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one element to the next along each axis."""
        return tuple(math.prod(self.shape[axis + 1 :]) * self.itemsize for axis in range(self.ndim))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Array(shape={self.shape}, dtype={self.dtype}, device='cuda:{self.device_id}')"

    # ---- views and copies

    def reshape(self, *shape: Any) -> Array:
        """A view of the same memory with another shape; one entry may be -1."""
        wanted = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        try:
            found = np.broadcast_to(np.uint8(0), self.shape).reshape(wanted).shape if self.size else wanted
        except ValueError:
            raise ValueError(f"reshape: wanted a shape of {self.size} elements, got {wanted}") from None
        return view(self, self.pointer, found)

    def __getitem__(self, key: Any) -> Array:
        if key is Ellipsis:
            return view(self, self.pointer, self.shape)
        if not isinstance(key, slice) or not self.shape or key.step not in (None, 1):
            raise TypeError(f"index: a device array gives views of rows, a[i:j], got {key!r}; .numpy() has all others")
        first, last, _ = key.indices(self.shape[0])
        rows = max(last - first, 0)
        width = math.prod(self.shape[1:]) * self.itemsize
        return view(self, self.pointer + first * width, (rows, *self.shape[1:]))

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is not Ellipsis and not (isinstance(key, slice) and key == slice(None)):
            host = self.numpy()
            host[key] = value.numpy() if isinstance(value, Array) else value
            self[...] = host
            return
        self.want_writeable("array")
        stream = self.enter(_streams.stream_of(self))
        if isinstance(value, Array) and value.shape == self.shape and value.dtype == self.dtype:
            native().copy(self.pointer, value.at(stream), self.nbytes, stream)
        else:
            value = value.numpy() if isinstance(value, Array) else value
            host = np.ascontiguousarray(np.broadcast_to(np.asarray(value), self.shape), self.dtype)
            native().copy(self.pointer, host.ctypes.data, self.nbytes, stream)

    def enter(self, stream: int) -> int:
        """``stream``, on which the memory is used from now on: it waits for the one that used it last."""
        _streams.wait(stream, self.owner.stream)
        self.owner.stream = stream
        return stream

    def at(self, stream: int) -> int:
        """The address, for a call on ``stream``."""
        self.enter(stream)
        return self.pointer

    def numpy(self, out: HostArray | None = None) -> HostArray:
        """A copy in host memory, when everything that writes the array is done.

        Parameters
        ----------
        out : ndarray, optional
            Receives it: C-contiguous, of this shape and dtype.

        Examples
        --------
        >>> import sprat
        >>> if sprat.cuda.is_available():
        ...     assert sprat.cuda.array([1, 2]).numpy().tolist() == [1, 2]
        """
        host = np.empty(self.shape, self.dtype) if out is None else out
        if not isinstance(host, np.ndarray) or host.shape != self.shape or host.dtype != self.dtype:
            raise TypeError(f"out: wanted a NumPy array of {self.dtype} {self.shape}")
        if not (host.flags.c_contiguous and host.flags.writeable):
            raise ValueError("out: wanted a writable C-contiguous array")
        stream = self.enter(_streams.stream_of(self))
        native().copy(host.ctypes.data, self.pointer, self.nbytes, stream)
        native().synchronize(stream)
        return host

    def copy(self) -> Array:
        """A copy in memory of its own, on the device.

        Examples
        --------
        >>> import sprat
        >>> if sprat.cuda.is_available():
        ...     assert sprat.cuda.array([1, 2]).copy().shape == (2,)
        """
        fresh = empty(self.shape, self.dtype)
        fresh[...] = self
        return fresh

    def want_writeable(self, name: str) -> None:
        """One line if nobody may write to it."""
        if not self.writeable:
            raise ValueError(f"{name}: wanted a writable array, got a read-only one")

    # ---- towards other libraries

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> HostArray:
        raise TypeError("wanted an array in host memory, got one on the device; .numpy() copies it")

    def __dlpack_device__(self) -> tuple[int, int]:
        return _dlpack.CUDA, self.device_id

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError("dl_device: a device array is shared where it lies; .numpy() copies it to the host")
        versioned = max_version is not None and max_version[0] >= 1
        if not self.writeable and not versioned:
            raise BufferError("a read-only array needs DLPack 1: pass max_version=(1, 0)")
        shared = self.copy() if copy else self
        if stream != -1:
            _streams.wait(stream or _streams.LEGACY, shared.stream)
        kind, bits = shared.dtype.kind, 8 * shared.itemsize
        return native().dlpack(
            shared.pointer, shared.shape, kind, bits, self.device_id, versioned, not self.writeable, shared
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.pointer if self.size else 0, not self.writeable),
            "strides": None,
            "stream": self.stream,
        }


def _make(pointer: int, shape: Sequence[int], dtype: np.dtype[Any], owner: Memory | Borrowed, writeable: bool) -> Array:
    made = Array.__new__(Array)
    made.pointer, made.shape, made.dtype = pointer, tuple(map(int, shape)), dtype
    made.owner, made.writeable = owner, writeable
    return made


def view(of: Array, pointer: int, shape: Sequence[int]) -> Array:
    """Another look at memory of an array."""
    return _make(pointer, shape, of.dtype, of.owner, of.writeable)


def empty(shape: int | Sequence[int], dtype: npt.DTypeLike = "float32") -> Array:
    """A new array on the device, not initialised.

    Parameters
    ----------
    shape : int or sequence of int
    dtype : dtype, default float32
        Booleans, integers, float16, float32 or float64.

    Returns
    -------
    Array

    Raises
    ------
    RuntimeError
        One line, if there is no CUDA module, no driver or no device.
    MemoryError

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     assert sprat.cuda.empty((2, 3)).shape == (2, 3)
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    kind = np.dtype(dtype).newbyteorder("=")
    if kind.kind not in "biuf":
        raise TypeError(f"dtype: wanted booleans, integers or floats, got {kind}")
    return empty_on(_streams.stream_of(), sizes, kind)


def empty_on(stream: int, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """A new array whose memory comes in the order of a stream."""
    memory = Memory(math.prod(shape) * dtype.itemsize, stream)
    return _make(memory.pointer, shape, dtype, memory, True)


def array(x: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """A copy of ``x`` on the device.

    Parameters
    ----------
    x : array_like in host memory, or array on the device
    dtype : dtype, optional
        Of the copy; of an array on the device it is its own.

    Returns
    -------
    Array

    Examples
    --------
    >>> import numpy as np, sprat
    >>> if sprat.cuda.is_available():
    ...     a = sprat.cuda.array(np.arange(3.0), dtype="float32")
    ...     assert a.numpy().tolist() == [0.0, 1.0, 2.0]
    """
    from .._device import is_device_array

    if is_device_array(x):
        return asarray(x, dtype).copy()
    host = np.ascontiguousarray(x, dtype).reshape(np.shape(x))
    made = empty(host.shape, host.dtype)
    made[...] = host
    return made


def asarray(x: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """``x`` on the device: a view without a copy of what is there already, a copy of what is in host memory.

    Parameters
    ----------
    x : array on the device of CuPy, torch, JAX or another library, or array_like in host memory
        On the device: of any library that offers DLPack or ``__cuda_array_interface__``; C-contiguous.
    dtype : dtype, optional
        What is on the device must have it; it is not converted.

    Returns
    -------
    Array

    Examples
    --------
    >>> import sprat
    >>> if sprat.cuda.is_available():
    ...     a = sprat.cuda.asarray([1.0, 2.0])
    ...     assert sprat.cuda.asarray(a) is a
    """
    from .._device import is_device_array

    if not is_device_array(x):
        return array(x, dtype)
    found = as_view("x", x, _streams.stream_of(x))
    if dtype is not None and found.dtype != np.dtype(dtype):
        raise TypeError(f"x: wanted {np.dtype(dtype)}, got {found.dtype}; what is on the device is not converted")
    return found


def _want_current(name: str, device_id: int) -> None:
    current = native().current_device()
    if device_id != current:
        where = f"device {device_id}" if device_id >= 0 else "the host"
        raise ValueError(f"{name}: wanted an array on device {current}, got one on {where}")


def as_view(name: str, x: Any, stream: int | None = None) -> Array:
    """``x``, which must be on the device, without a copy; ``stream`` waits for whatever used it last."""
    stream = _streams.stream_of(x) if stream is None else stream
    if isinstance(x, Array):
        _want_current(name, x.owner.device_id)
        x.enter(stream)
        return x
    told = _foreign.describe(name, x, stream)
    device_id = told.device_id
    if device_id < 0:  # __cuda_array_interface__ does not tell
        device_id = native().pointer_device(told.pointer) if told.pointer else native().current_device()
    _want_current(name, device_id)
    owner = Borrowed(told.owner, x, device_id, stream)
    made = _make(told.pointer, told.shape, told.dtype, owner, not told.read_only)
    axes = zip(told.shape, told.strides or made.strides, made.strides, strict=True)
    if made.size and any(length > 1 and given != wanted for length, given, wanted in axes):
        raise ValueError(f"{name}: wanted a C-contiguous array, got one with gaps or another order")
    if not told.dtype.isnative or (told.pointer % told.dtype.itemsize and made.size):
        raise ValueError(f"{name}: wanted an aligned array in native byte order")
    return made
