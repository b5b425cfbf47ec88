"""Rows as blocks of columns that move together: what augmentation works on, whatever kind of table came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._check import check_count
from ..tabular._columns import as_column

Array = NDArray[Any]


@dataclass(frozen=True)
class Block:
    """Columns that are one thing: a number, or a category (the columns of a one-hot code, or one column of words).

    ``values`` is (rows,) for a column of a table and (rows, columns) for columns of an array; ``number`` says that
    values between two others make sense.
    """

    values: Array
    number: bool


class Blocks:
    """The rows of an array, a dict of columns, a structured array or a data frame, block by block.

    Parameters
    ----------
    x
        The rows.
    groups : sequence of sequences of int, optional
        For a 2-D array: columns that are one category. A column in no group is a category of its own when it has only
        two values, else a number.

    >>> blocks = Blocks(np.array([[0.5, 1, 0], [0.25, 0, 1], [1.5, 0, 1]]), groups=[[1, 2]])
    >>> [block.number for block in blocks]
    [False, True]
    >>> blocks.build([block.values[::-1] for block in blocks])
    array([[1.5 , 0.  , 1.  ],
           [0.25, 0.  , 1.  ],
           [0.5 , 1.  , 0.  ]])
    """

    def __init__(self, x: Any, groups: Sequence[Sequence[int]] | None = None) -> None:
        self._x = x
        self._columns: list[Any] = []
        self._blocks: list[Block] = []
        if isinstance(x, np.ndarray) and x.dtype.names is None:
            self._of_array(x, groups)
            return
        if groups is not None:
            raise ValueError("groups: only columns of an array can be grouped; a table's categories are known")
        names = list(x) if isinstance(x, Mapping) else list(x.dtype.names if isinstance(x, np.ndarray) else x.columns)
        for name in names:
            values = x[name]
            column = as_column(str(name), values)
            self._columns.append(name)
            self._blocks.append(Block(np.asarray(values), column.kind == "number" and not column.categorical))

    def __iter__(self) -> Any:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def rows(self) -> int:
        return len(self._blocks[0].values)

    def _of_array(self, x: Array, groups: Sequence[Sequence[int]] | None) -> None:
        if x.ndim != 2 or x.dtype.kind not in "fiub" or x.shape[1] == 0:
            raise ValueError(f"x: wanted (rows, columns) of numbers, got {x.dtype} of shape {x.shape}")
        taken: set[int] = set()
        for group in groups or ():
            columns = [check_count("groups", column, 0, x.shape[1] - 1) for column in group]
            if not columns or taken & set(columns) or len(set(columns)) < len(columns):
                raise ValueError(f"groups: wanted columns that are in one group each, got {list(group)}")
            taken |= set(columns)
            self._columns.append(columns)
            self._blocks.append(Block(x[:, columns], False))
        for column in range(x.shape[1]):
            if column not in taken:
                values = x[:, [column]]
                self._columns.append([column])
                self._blocks.append(Block(values, not _two_valued(values)))

    def build(self, parts: Sequence[Array]) -> Any:
        """Rows of the kind that came, from new values of every block; whole numbers stay whole."""
        x = self._x
        values = [_as_dtype(part, block.values.dtype) for part, block in zip(parts, self._blocks, strict=True)]
        if isinstance(x, np.ndarray) and x.dtype.names is None:
            out = np.empty((len(values[0]), x.shape[1]), x.dtype)
            for columns, part in zip(self._columns, values, strict=True):
                out[:, columns] = part
            return out
        if isinstance(x, np.ndarray):
            table = np.empty(len(values[0]), x.dtype)
            for name, part in zip(self._columns, values, strict=True):
                table[name] = part
            return table
        if isinstance(x, Mapping):
            return dict(zip(self._columns, values, strict=True))
        frame = x.iloc[np.zeros(len(values[0]), np.int64)].reset_index(drop=True)
        for name, part in zip(self._columns, values, strict=True):
            frame[name] = type(x[name])(part, dtype=x[name].dtype, index=frame.index)
        return frame

    def scaled(self) -> NDArray[np.float32]:
        """(rows, features) in which distances mean something: numbers by their deviation, categories as 0 and 1.

        Two rows that differ in one category are as far apart as two whose numbers differ by one deviation.
        """
        features: list[NDArray[np.float64]] = []
        for block in self._blocks:
            values = block.values.reshape(len(block.values), -1)
            if block.number:
                numbers = values.astype(np.float64)
                there = np.isfinite(numbers)
                mean = np.mean(numbers, axis=0, where=there)
                deviation = np.std(numbers, axis=0, where=there)
                deviation[~(deviation > 0)] = 1.0
                features.append(np.where(there, (numbers - mean) / deviation, 0.0))
            else:
                codes = _codes(values)
                one_hot = np.zeros((len(codes), int(codes.max(initial=0)) + 1))
                one_hot[np.arange(len(codes)), codes] = np.sqrt(0.5)
                features.append(one_hot)
        return np.ascontiguousarray(np.hstack(features), np.float32)


def _two_valued(values: Array) -> bool:
    first = values[:1]
    others = values[(values != first).any(axis=1)]
    return bool(len(others) == 0 or (others == others[:1]).all())


def _codes(values: Array) -> NDArray[np.int64]:
    """Which of the distinct rows of a category's columns each row has."""
    if values.dtype.kind in "fiub":
        return np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
    known: dict[Any, int] = {}
    return np.array([known.setdefault(str(value), len(known)) for value in values[:, 0].tolist()], np.int64)


def _as_dtype(part: Array, dtype: np.dtype[Any]) -> Array:
    if part.dtype == dtype:
        return part
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        part = np.clip(np.rint(part), limits.min, limits.max)
    return part.astype(dtype)
