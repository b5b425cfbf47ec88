"""The nearest of some rows, for every row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..nn import MLP, LayerSpec

_ROWS = 2048


def nearest(x: NDArray[np.float32], pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row of x the position in ``pool`` (row numbers of x) of the nearest other row there.

    |x - p|^2 = |x|^2 - 2 x.p + |p|^2, of which the first term is the same for every p. The rest is a linear layer of
    this library, so that the answer has the same bits on every machine.

    >>> x = np.array([[0.0], [1.0], [1.5], [9.0]], np.float32)
    >>> nearest(x, np.array([0, 1, 2, 3]))
    array([1, 2, 1, 2])
    """
    points = x[pool]
    layer = LayerSpec(x.shape[1], len(pool), "identity")
    weights = {"layers.0.weight": -2 * points, "layers.0.bias": np.einsum("pf,pf->p", points, points)}
    distances = MLP.from_layers([layer], weights)
    place = np.full(len(x), -1, np.int64)
    place[pool] = np.arange(len(pool))
    result = np.empty(len(x), np.int64)
    for begin in range(0, len(x), _ROWS):
        part = slice(begin, min(begin + _ROWS, len(x)))
        apart = distances(x[part])
        itself = np.flatnonzero(place[part] >= 0)
        apart[itself, place[part][itself]] = np.inf
        result[part] = apart.argmin(axis=1)
    return result
