"""Rows of an array by their numbers, gathered into a buffer that is there already.

An array in memory is gathered in the order asked for. A memory map larger than memory is read in ascending order, each
page once per batch, and put into place afterwards; nothing ever touches all of it at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# Arrays of these dtypes native code reads as they are.
_NATIVE = tuple(map(np.dtype, ("float32", "float64", "int8", "uint8")))
# What may be converted once for the whole run, instead of batch by batch: little beside what training itself takes.
_MOST_CONVERTED = 1 << 28


def is_memory_map(array: Any) -> bool:
    """Whether the array's bytes lie in a file.

    >>> is_memory_map(np.zeros(3))
    False
    """
    base = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


class Rows:
    """One array whose first axis counts rows, read as ``dtype`` and as (rows, ...) of ``row_shape``.

    Parameters
    ----------
    array : array of (rows, ...)
        Of any real dtype, byte order and layout. It is not copied, except once when it lies in memory in an order or a
        byte order that would make every gather slow.
    dtype : dtype
        What the batches have.
    row_shape : tuple of int, optional
        What one row looks like in the batches; default as in the array. (rows,) read with (1,) gives (rows, 1).

    Examples
    --------
    >>> rows = Rows(np.array([[1, 2], [3, 4], [5, 6]]), "float32")
    >>> out = np.empty((2, 2), "float32")
    >>> rows.gather(np.array([2, 0]), out)
    >>> out
    array([[5., 6.],
           [1., 2.]], dtype=float32)
    """

    def __init__(self, array: Array, dtype: Any, row_shape: tuple[int, ...] | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self._on_disk = is_memory_map(array)
        plain = array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
        if not plain and not self._on_disk:
            array = np.require(array, array.dtype.newbyteorder("="), ["C", "ALIGNED"])
            plain = True
        self._array = array.view(np.ndarray) if plain else array
        # np.take would first copy an array that is not plain as a whole; indexing does not.
        self._plain = plain
        self.row_shape = array.shape[1:] if row_shape is None else row_shape
        self._staging = np.empty((0, *array.shape[1:]), array.dtype.newbyteorder("="))

    def __len__(self) -> int:
        return len(self._array)

    def whole(self, *, any_dtype: bool = False) -> Array | None:
        """All rows as one array (rows, *row_shape) of ``dtype`` that native code can read; None if it should not.

        That is so for what lies in a file, and for a large array that would have to be converted. ``any_dtype`` allows
        float32, float64, int8 and uint8 besides.

        >>> rows = Rows(np.array([[1, 2], [3, 4]]), "float32")
        >>> rows.whole().dtype
        dtype('float32')
        """
        array = self._array
        if self._on_disk:
            return None
        if array.dtype == np.bool_:
            array = array.view(np.uint8)
        if array.dtype != self.dtype and not (any_dtype and array.dtype in _NATIVE):
            if array.size * self.dtype.itemsize > _MOST_CONVERTED:
                return None
            converted = np.empty(array.shape, self.dtype)
            self._convert(array, converted)
            array = converted
        return array.reshape(len(array), *self.row_shape)

    def buffer(self, rows: int) -> Array:
        """A new array for batches of up to ``rows`` rows."""
        return np.empty((rows, *self.row_shape), self.dtype)

    def gather(self, index: Array, out: Array) -> None:
        """Write the rows ``index`` (int64, each in range) to ``out`` (len(index), *row_shape)."""
        target = out.reshape(len(index), *self._array.shape[1:])
        if self._on_disk:
            order = np.argsort(index, kind="stable")
            staged = self._take(index[order])
            with np.errstate(over="ignore", invalid="ignore"):
                target[order] = staged
        elif self._array.dtype == self.dtype:
            np.take(self._array, index, axis=0, out=target, mode="clip")
        else:
            self._convert(self._take(index), target)

    def slice(self, begin: int, end: int, out: Array) -> Array:
        """The rows begin ... end - 1: a view when nothing has to be converted, else written to ``out``."""
        part = self._array[begin:end]
        if self._plain and self._array.dtype == self.dtype and not self._on_disk:
            return part.reshape(end - begin, *self.row_shape)
        self._convert(part, out.reshape(part.shape))
        return out

    def _take(self, index: Array) -> Array:
        if not self._plain:
            return self._array[index]
        if len(self._staging) < len(index):
            self._staging = np.empty((len(index), *self._array.shape[1:]), self._array.dtype)
        staged = self._staging[: len(index)]
        np.take(self._array, index, axis=0, out=staged, mode="clip")
        return staged

    @staticmethod
    def _convert(part: Array, out: Array) -> None:
        # A float64 beyond float32 becomes an infinity; the loss that follows is not finite and training says so.
        with np.errstate(over="ignore", invalid="ignore"):
            np.copyto(out, part, casting="unsafe")
