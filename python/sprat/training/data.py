"""Where batches come from: arrays in memory or on disk, or an iterator that the user wrote.

A data source knows ``batches_per_epoch`` (None when it cannot) and gives the batches of an epoch in an order that is a
function of (seed, epoch) alone, from any batch on; so a resumed run sees exactly what the broken one would have seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from .. import _core
from .rows import Rows

Array = np.ndarray[Any, np.dtype[Any]]
Batch = tuple[Array, Array, Array | None]

# The high byte of a stream tells uses of the generator apart: the order of rows has 0x5F, the rows held out 0x59.
_SHUFFLE_STREAM = 0x5F << 56
_SPLIT_STREAM = 0x59 << 56


def epoch_order(rows: int, seed: int, epoch: int) -> Array:
    """The order of the rows in an epoch, int64 (rows,): a function of its arguments alone.

    >>> bool((epoch_order(100, 7, 3) == epoch_order(100, 7, 3)).all())
    True
    """
    order = np.empty(rows, np.int64)
    _core.permutation(order, seed, _SHUFFLE_STREAM + epoch)
    return order


def split_rows(rows: int, share: float, seed: int) -> tuple[Array, Array]:
    """Draw rows for validation: (training rows, validation rows), both ascending.

    >>> train, validation = split_rows(10, 0.3, seed=0)
    >>> len(train), len(validation)
    (7, 3)
    """
    count = round(rows * share)
    if not 0 < count < rows:
        raise ValueError(f"validation_split={share} leaves {count} of {rows} rows for validation")
    order = np.empty(rows, np.int64)
    _core.permutation(order, seed, _SPLIT_STREAM)
    return np.sort(order[count:]), np.sort(order[:count])


class Data(Protocol):
    """A source of batches."""

    batches_per_epoch: int | None

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches ``start``, ``start + 1``, ... of epoch ``number``; a batch is valid until the next one."""
        ...


class ArrayData:
    """Batches of arrays: one gather per batch and array into buffers that are made once.

    Parameters
    ----------
    x, y : Rows
        Inputs and targets.
    weight : (rows,) array of the model's dtype, optional
    batch_size : int
    rows : int64 array, optional
        Use these rows only.
    seed : int, optional
        Shuffle by this seed; None keeps the order.

    Attributes
    ----------
    batch_rows : int64 array or slice
        Where the rows of the batch that was given last stand in x, for losses that know more about each row than y.
    """

    def __init__(
        self,
        x: Rows,
        y: Rows,
        weight: Rows | None,
        *,
        batch_size: int,
        rows: Array | None = None,
        seed: int | None = None,
    ) -> None:
        self._arrays = [x, y] if weight is None else [x, y, weight]
        self._weighted = weight is not None
        self._rows = rows
        self._seed = seed
        self.num_rows = len(x) if rows is None else len(rows)
        self.batch_size = min(batch_size, max(self.num_rows, 1))
        self.num_batches = -(-self.num_rows // self.batch_size)
        self.batches_per_epoch: int | None = self.num_batches
        self._buffers: list[Array] = []
        self._order: tuple[int, Array] | None = None  # of the epoch asked for last
        self.batch_rows: Array | slice = slice(0, 0)

    def whole(self) -> tuple[Array, Array, Array | None] | None:
        """x, y and weights as arrays that native code can gather batches from, x of its own dtype; None: it cannot."""
        x, y, weight = self._arrays[0], self._arrays[1], self._arrays[2] if self._weighted else None
        parts = [x.whole(any_dtype=True), y.whole()] + ([] if weight is None else [weight.whole()])
        if parts[0] is None or parts[1] is None or (weight is not None and parts[2] is None):
            return None
        return parts[0], parts[1], parts[2] if self._weighted else None

    def order(self, number: int) -> Array | None:
        """Where the rows of epoch ``number`` stand in x, batch after batch: int64 (num_rows,); None: as they lie."""
        if self._seed is None:
            return self._rows
        if self._order is None or self._order[0] != number:
            order = epoch_order(self.num_rows, self._seed, number)
            self._order = number, order if self._rows is None else self._rows[order]
        return self._order[1]

    def place(self, number: int, batch: int) -> Array | slice:
        """Where the rows of one batch of epoch ``number`` stand in x."""
        begin, end = batch * self.batch_size, min((batch + 1) * self.batch_size, self.num_rows)
        order = self.order(number)
        return slice(begin, end) if order is None else order[begin:end]

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        if not self._buffers:
            self._buffers = [array.buffer(self.batch_size) for array in self._arrays]
        for batch in range(start, self.num_batches):
            index = self.batch_rows = self.place(number, batch)
            if isinstance(index, slice):
                parts = [
                    array.slice(index.start, index.stop, buffer[: index.stop - index.start])
                    for array, buffer in zip(self._arrays, self._buffers, strict=True)
                ]
            else:
                parts = [buffer[: len(index)] for buffer in self._buffers]
                for array, part in zip(self._arrays, parts, strict=True):
                    array.gather(index, part)
            yield parts[0], parts[1], parts[2] if self._weighted else None


class IteratorData:
    """Batches that the user makes: (x, y) or (x, y, sample_weight).

    Parameters
    ----------
    source : callable giving an iterator, or an iterable
        Called (or iterated) afresh for each epoch; to be resumable it must give the same batches again.
    convert : callable
        ``convert(x, y, weight)`` checks a batch and gives it the model's dtype.
    """

    batches_per_epoch: int | None = None

    def __init__(
        self,
        source: Callable[[], Iterable[Any]] | Iterable[Any],
        convert: Callable[[Any, Any, Any], Batch],
    ) -> None:
        self._source = source
        self._convert = convert

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        batches = self._source() if callable(self._source) else self._source
        for position, item in enumerate(itertools.islice(iter(batches), start, None), start):
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise TypeError(f"batch {position} of x: wanted (x, y) or (x, y, sample_weight), got {_words(item)}")
            x, y = item[0], item[1]
            weight = item[2] if len(item) == 3 else None
            try:
                batch = self._convert(x, y, weight)
            except (TypeError, ValueError) as error:
                raise type(error)(f"batch {position} of x: {error}") from None
            if len(batch[0]) == 0:
                raise ValueError(f"batch {position} of x: has no rows")
            yield batch


def _words(item: Any) -> str:
    if isinstance(item, (tuple, list)):
        return f"a {type(item).__name__} of {len(item)}"
    return f"a {type(item).__name__}"
