"""States follow parameters whose arrays were replaced, cut down or renamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _device
from ._binding import EMA_PLACE, placed
from ._groups import Array, Parameter

# For each axis the indices that were kept, or None for all of them.
IndexMap = Sequence[Any]


def follow(
    old: list[Parameter],
    arrays: list[tuple[str | None, Array]],
    index_maps: Mapping[str, IndexMap],
    renamed: Mapping[str, str],
) -> list[Parameter]:
    """Parameters for `arrays`: with the states of those they come from, or new where they come from none."""
    by_name = {parameter.name: parameter for parameter in old}
    names = {name for name, _ in arrays}
    for what, mapping in (("index_maps", index_maps), ("renamed", renamed)):
        for name in mapping:
            if name not in names:
                raise ValueError(f"{what}: there is no parameter {name!r}")
    for name in renamed.values():
        if name not in by_name:
            raise ValueError(f"renamed: there was no parameter {name!r}")
    return [
        _follow_one(by_name.get(renamed.get(name or "", name)), name, array, index_maps.get(name or ""))
        for name, array in arrays
    ]


def _follow_one(source: Parameter | None, name: str | None, array: Array, index_map: IndexMap | None) -> Parameter:
    if source is None:
        return Parameter(array, name, 0)
    if index_map is None:
        if np.shape(source.array) != np.shape(array) or source.array.dtype != array.dtype:
            return Parameter(array, name, source.group)
        if isinstance(source.array, np.ndarray) == isinstance(array, np.ndarray):
            return replace(source, array=array, name=name)
        index_map = [None] * array.ndim  # moved between host and device: what it keeps moves with it
    axes = source.array.ndim
    if len(index_map) != axes:
        raise ValueError(f"index_maps[{name!r}]: wanted an entry for each of {axes} axes, got {len(index_map)}")
    kept = [_indices(f"{name!r}][{axis}", index_map[axis], size) for axis, size in enumerate(source.array.shape)]
    shape = tuple(map(len, kept))
    if shape != np.shape(array):
        raise ValueError(f"index_maps[{name!r}]: keeps shape {shape}, the parameter has {np.shape(array)}")
    where = np.ix_(*kept)
    states = {
        key: placed(array, place, _device.to_host(state)[where])
        for place, (key, state) in enumerate(source.states.items(), 1)
    }
    mask = None if source.mask is None else np.ascontiguousarray(_device.to_host(source.mask)[where])
    ema = None if source.ema is None else placed(array, EMA_PLACE, _device.to_host(source.ema)[where])
    return replace(source, array=array, name=name, mask=mask, states=states, ema=ema)


def _indices(where: str, part: Any, size: int) -> Any:
    if part is None:
        return np.arange(size)
    indices = np.asarray(part)
    if indices.dtype == np.bool_ and indices.shape == (size,):
        return np.flatnonzero(indices)
    if indices.size == 0:
        indices = indices.astype(np.int64)
    inside = indices.ndim == 1 and indices.dtype.kind in "iu" and np.all((indices >= 0) & (indices < size))
    if not inside:
        raise ValueError(f"index_maps[{where}]: wanted indices from 0 to {size - 1}, or None")
    return indices
