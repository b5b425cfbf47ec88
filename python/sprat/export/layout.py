"""How weights lie in the generated file: in the order in which the products read them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .floats import WIDTHS

__all__ = ["blocks", "fours", "int4_groups", "lists", "panel_widths", "panels", "present_fours"]

Array = NDArray[Any]


def panel_widths(outputs: int) -> list[tuple[int, int]]:
    """(width, panels) that make up so many outputs.

    >>> from sprat.export.layout import panel_widths
    >>> panel_widths(21)
    [(8, 2), (4, 1), (1, 1)]
    """
    found = []
    for width in WIDTHS:
        if outputs >= width:
            found.append((width, outputs // width))
            outputs %= width
    return found


def panels(weight: Array) -> Array:
    """A dense weight (outputs, inputs) as panels of [input][output], flat.

    >>> import numpy as np
    >>> from sprat.export.layout import panels
    >>> panels(np.arange(6).reshape(3, 2)).tolist()
    [0, 2, 1, 3, 4, 5]
    """
    parts, first = [], 0
    for width, count in panel_widths(weight.shape[0]):
        for _ in range(count):
            parts.append(weight[first : first + width].T.ravel())
            first += width
    return np.concatenate(parts)


def lists(weight: Array) -> tuple[Array, Array, Array]:
    """What is not zero of each output: values, their inputs, and how many there are of each output.

    >>> import numpy as np
    >>> from sprat.export.layout import lists
    >>> [part.tolist() for part in lists(np.array([[0, 5, 6], [7, 0, 0]]))]
    [[5, 6, 7], [1, 2, 0], [2, 1]]
    """
    rows, columns = np.nonzero(weight)
    return weight[rows, columns], columns, np.bincount(rows, minlength=weight.shape[0])


def blocks(weight: Array) -> tuple[Array, Array, Array]:
    """Sixteen outputs with the inputs that meet any of them: values as panels of 8, 4 and 1, inputs, counts.

    >>> import numpy as np
    >>> from sprat.export.layout import blocks
    >>> [part.tolist() for part in blocks(np.array([[0, 5, 6], [0, 0, 7]]))]
    [[5, 6, 0, 7], [1, 2], [2]]
    """
    values, inputs, counts = [weight.ravel()[:0]], [], []
    for first in range(0, weight.shape[0], 16):
        block = weight[first : first + 16]
        present = np.flatnonzero((block != 0).any(axis=0))
        inputs.append(present)
        counts.append(present.size)
        kept, row = block[:, present], 0
        while row < kept.shape[0]:
            left = kept.shape[0] - row
            width = 8 if left >= 8 else 4 if left >= 4 else 1
            values.append(kept[row : row + width].T.ravel())
            row += width
    return np.concatenate(values), np.concatenate(inputs), np.array(counts)


def _groups_of_outputs(outputs: int) -> list[slice]:
    """Four by four, then one by one."""
    whole = outputs // 4 * 4
    return [slice(n, n + 4) for n in range(0, whole, 4)] + [slice(n, n + 1) for n in range(whole, outputs)]


def _padded(weight: Array, unit: int) -> Array:
    return np.pad(weight, ((0, 0), (0, -weight.shape[1] % unit)))


def fours(weight: Array) -> Array:
    """int8 codes as [outputs by four, then one by one][fours of inputs][output][input], zeros behind the inputs.

    >>> import numpy as np
    >>> from sprat.export.layout import fours
    >>> fours(np.int8([[1, 2, 3, 4, 5]])).tolist()
    [1, 2, 3, 4, 5, 0, 0, 0]
    """
    padded = _padded(weight, 4)
    parts = [
        padded[group].reshape(-1, padded.shape[1] // 4, 4).transpose(1, 0, 2).ravel()
        for group in _groups_of_outputs(weight.shape[0])
    ]
    return np.concatenate(parts)


def present_fours(weight: Array) -> tuple[Array, Array, Array]:
    """The same without fours of inputs that are zero: codes, places of the fours, and how many each group of outputs has.

    >>> import numpy as np
    >>> from sprat.export.layout import present_fours
    >>> [part.tolist() for part in present_fours(np.int8([[0, 0, 0, 0, 5]]))]
    [[5, 0, 0, 0], [1], [1]]
    """
    padded = _padded(weight, 4)
    values, places, counts = [padded.ravel()[:0]], [], []
    for group in _groups_of_outputs(weight.shape[0]):
        lanes = padded[group].reshape(-1, padded.shape[1] // 4, 4).transpose(1, 0, 2)
        present = np.flatnonzero(lanes.any(axis=(1, 2)))
        values.append(lanes[present].ravel())
        places.append(present)
        counts.append(present.size)
    return np.concatenate(values), np.concatenate(places), np.array(counts)


def int4_groups(weight: Array, weight_scale: Array, group_size: int) -> tuple[Array, Array, Array]:
    """int4 codes, two in a byte, with sums and scales of each group of inputs, all in the order of the products.

    A byte holds inputs i and i + 4 of eight. Sums and scales: [outputs by four, then one by one][group][output].

    >>> import numpy as np
    >>> from sprat.export.layout import int4_groups
    >>> weight = np.int8([[1, 0, 0, 0, -1, 0, 0, 0, 2]])
    >>> [part.tolist() for part in int4_groups(weight, np.float32([[0.5]]), 32)]
    [[241, 0, 0, 0, 2, 0, 0, 0], [2], [0.5]]
    """
    padded = _padded(weight, 8).view(np.uint8)
    eights = padded.reshape(padded.shape[0], -1, 2, 4)
    bytes_ = (eights[:, :, 0] & 15) | (eights[:, :, 1] & 15) << 4  # (outputs, eights, 4)
    starts = np.arange(0, weight.shape[1], group_size)
    of_groups = np.add.reduceat(weight.astype(np.int32), starts, axis=1)  # (outputs, groups)
    rows = _groups_of_outputs(weight.shape[0])
    return (
        np.concatenate([bytes_[group].transpose(1, 0, 2).ravel() for group in rows]),
        np.concatenate([of_groups[group].T.ravel() for group in rows]).astype(np.int32),
        np.concatenate([weight_scale[group].T.ravel() for group in rows]).astype(np.float32),
    )
