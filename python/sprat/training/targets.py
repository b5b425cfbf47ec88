"""What the targets are, and which loss suits them.

===========================  =============  ==========================================================================
y                            out_features   loss by default
===========================  =============  ==========================================================================
integers, booleans, names    2 or more      cross_entropy; class ids 0 ... out_features - 1
integers, booleans, names    1              bce_with_logits; 0 or 1, the second name is 1
floats                       any            mse; (rows,) or (rows, out_features)
===========================  =============  ==========================================================================

Names (text) become ids in sorted order. A loss that is given decides for itself: cross_entropy also takes (rows,
out_features) shares of classes, bce_with_logits any number of columns of 0 ... 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .rows import Array, Rows

CLASSIFICATION = ("cross_entropy", "bce_with_logits")
_CHUNK = 1 << 20


def as_targets(y: Any, what: str) -> Array:
    """Targets as an array; a list that mixes text and numbers is refused, NumPy would make text of all."""
    _check.refuse_masked(what, y)
    try:
        array: Array = np.asarray(y)  # of a memory map a view that has it as base
    except ValueError:
        raise ValueError(f"{what}: wanted an array, got rows of different lengths") from None
    if array.dtype.kind == "U" and isinstance(y, (list, tuple)):
        array = np.array(y, dtype=object)
    if array.dtype.kind == "O":
        for row, value in enumerate(array.reshape(-1).tolist()):
            if not isinstance(value, str):
                raise TypeError(f"{what}: row {row} is {value!r}; wanted text in every row, or numbers in every row")
    return array


@dataclass(frozen=True)
class Targets:
    """How the targets of one run are read: as class ids (int64) or as numbers (the model's dtype)."""

    loss: Any
    loss_name: str | None
    ids: bool
    columns: int | None
    dtype: np.dtype[Any]
    class_names: tuple[Any, ...] | None = None

    @property
    def classification(self) -> bool:
        return self.loss_name in CLASSIFICATION or (self.loss_name is None and self.ids)

    def rows(self, y: Any, count: int | None = None, what: str = "y") -> Rows:
        """Check targets of ``count`` rows and make them ready for batches."""
        array = self._encode(as_targets(y, what), what)
        if count is not None and (array.ndim == 0 or len(array) != count):
            raise ValueError(f"{what}: wanted {count} rows as x has, got {len(array) if array.ndim else 'one number'}")
        if self.ids:
            return self._ids(array, what)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or (self.columns is not None and array.shape[1] != self.columns):
            hint = "; class ids need integers" if self.columns != 1 and array.shape[1:] == (1,) else ""
            raise ValueError(f"{what}: wanted (rows, {self.columns}), got {np.shape(y)}{hint}")
        if self.loss_name in CLASSIFICATION:
            low, high = _range(array)
            if not (low >= 0 and high <= 1):
                raise ValueError(
                    f"{what}: {self.loss_name} wants targets from 0 to 1, got {low:g} to {high:g}; "
                    'for regression pass loss="mse"'
                )
        return Rows(array, self.dtype)

    def _encode(self, y: Array, what: str) -> Array:
        if y.dtype.kind not in "OUST":
            return y
        if self.class_names is None:
            raise TypeError(f"{what}: this run's targets are numbers, got text")
        labels = y.reshape(-1).astype(str)
        index = {str(name): position for position, name in enumerate(self.class_names)}
        unknown = sorted(set(labels.tolist()) - index.keys())
        if unknown:
            raise ValueError(f"{what}: the class {unknown[0]!r} is not one of the {len(index)} classes of training")
        return np.fromiter((index[label] for label in labels.tolist()), np.int64, len(labels)).reshape(y.shape)

    def _ids(self, array: Array, what: str) -> Rows:
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.dtype.kind not in "iub" or array.ndim != 1:
            raise ValueError(f"{what}: wanted (rows,) integer class ids, got {array.dtype} of shape {array.shape}")
        low, high = _range(array)
        if len(array) and (low < 0 or (self.columns is not None and high >= self.columns)):
            raise ValueError(f"{what}: wanted classes from 0 to {(self.columns or 0) - 1}, got {low:g} to {high:g}")
        return Rows(array, np.int64)


def resolve(y: Any, loss: Any, out_features: int, dtype: Any, class_names: tuple[Any, ...] | None = None) -> Targets:
    """Choose the loss and the reading of targets for a model, from the targets of a run (or of its first batch).

    >>> resolve(np.array([0, 2, 1]), None, 3, "float32").loss_name
    'cross_entropy'
    >>> resolve(np.array([0.5, 2.0]), None, 1, "float32").loss_name
    'mse'
    """
    from .. import nn

    array = as_targets(y, "y")
    names = class_names
    if array.dtype.kind in "OUST":
        names = class_names or _names(array)
        wanted = max(out_features, 2)
        if len(names) > wanted:
            raise ValueError(f"y: {len(names)} classes, but the model has out_features={out_features}")
    elif array.dtype.kind not in "iubf":
        raise TypeError(f"y: wanted numbers, booleans or text, got {array.dtype}")
    discrete = names is not None or array.dtype.kind in "iub"
    if loss is None:
        loss = "mse" if not discrete else "cross_entropy" if out_features > 1 else "bce_with_logits"
    found = nn.losses.get(loss)
    name = getattr(found, "name", None)
    if name not in ("cross_entropy", "bce_with_logits", "mse", "mae", "huber"):
        name = None
    single = array.ndim == 1 or array.shape[1:] == (1,)
    ids = discrete and single and (name == "cross_entropy" or (name is None and out_features > 1))
    if name == "cross_entropy" and out_features == 1:
        raise ValueError('loss: cross_entropy wants out_features of 2 or more; one output takes "bce_with_logits"')
    # A loss of the user's own may want other columns than the output has.
    columns = out_features if name is not None or ids else None
    return Targets(found, name, ids, columns, np.dtype(dtype), names)


def _names(array: Array) -> tuple[str, ...]:
    return tuple(sorted(set(array.reshape(-1).astype(str).tolist())))


def _range(array: Array) -> tuple[float, float]:
    """Least and greatest, in pieces, so that a memory map is not loaded whole; NaN makes both NaN."""
    low, high = np.inf, -np.inf
    step = max(1, _CHUNK // max(1, int(np.prod(array.shape[1:]))))
    for begin in range(0, len(array), step):
        part = array[begin : begin + step]
        if part.size:
            low, high = np.minimum(low, part.min()), np.maximum(high, part.max())
    return float(low), float(high)
