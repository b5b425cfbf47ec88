"""Arguments of losses: what is converted, and what is refused in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _check


def weight_tuple(name: str, weights: Sequence[float] | NDArray[Any] | None) -> tuple[float, ...] | None:
    if weights is None:
        return None
    array = np.asarray(weights)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: wanted a sequence of numbers, got {weights!r}")
    result = tuple(array.astype(np.float64).tolist())
    for i, weight in enumerate(result):
        if not 0 <= weight < math.inf:
            raise ValueError(f"{name}: wanted finite numbers of at least 0, got {weight:g} at {i}")
    return result


@lru_cache(maxsize=64)
def weight_array(weights: tuple[float, ...] | None, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    if weights is None:
        return None
    array = np.array(weights, dtype)
    array.flags.writeable = False
    return array


def number_rows(values: ArrayLike, rows: int, columns: int, dtype: Any, name: str = "target") -> NDArray[Any]:
    """(rows, columns) of `dtype`; (rows,) is a single column."""
    array = _check.as_array(name, values, dtype)
    if columns == 1 and array.shape == (rows,):
        array = array.reshape(rows, 1)
    if array.shape != (rows, columns):
        raise ValueError(f"{name}: wanted shape ({rows}, {columns}) like output, got {array.shape}")
    return array
