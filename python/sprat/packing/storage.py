"""How a packed layer's weight is stored: as a matrix, or, where that is smaller, as a bit for each weight and what is not zero.

=========  ==================================================  ============================================
           as a matrix                                         without zeros
=========  ==================================================  ============================================
weight     (out, in) of the format's dtype; int4:              what is not zero, row after row; int4: two in
           (out, (in + 1) // 2) uint8, two codes in a byte     a byte
kept       none                                                (out * in + 7) // 8 uint8, a bit for each
                                                               weight, the first in the lowest bit
=========  ==================================================  ============================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bits import from_bits, num_bytes, to_bits
from .formats import FORMATS, pairs_of, split_pairs
from .layer import PackedLayer

Arrays = dict[str, NDArray[Any]]


def stored_nonzeros(layer: PackedLayer) -> int | None:
    """How many weights are not zero, if the layer is stored without zeros; None: as a matrix."""
    count = int(np.count_nonzero(layer.weight))
    bits = 4 if layer.weights == "int4" else 8 * layer.weight.itemsize
    return count if count * bits + layer.weight.size < layer.weight.size * bits else None


def shapes(
    weights: str, outputs: int, inputs: int, nonzeros: int | None
) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """dtype and shape of each array: ``{"weight": ..., "kept": ...}``."""
    dtype = np.dtype(np.uint8) if weights == "int4" else FORMATS[weights]
    halved = 2 if weights == "int4" else 1
    if nonzeros is None:
        return {"weight": (dtype, (outputs, -(-inputs // halved)))}
    bits = num_bytes(outputs * inputs)
    return {"weight": (dtype, (-(-nonzeros // halved),)), "kept": (np.dtype(np.uint8), (bits,))}


def store(layer: PackedLayer) -> Arrays:
    """The arrays that hold the weight."""
    values = layer.weight
    kept = None
    if stored_nonzeros(layer) is not None:
        kept = to_bits(values)
        values = values[values != 0]
    stored: Arrays = {"weight": pairs_of(values) if layer.weights == "int4" else values}
    return stored if kept is None else {**stored, "kept": kept}


def restore(weights: str, outputs: int, inputs: int, nonzeros: int | None, arrays: Arrays) -> NDArray[Any]:
    """The weight (outputs, inputs); ValueError when the bits do not belong to the values."""
    values = np.asarray(arrays["weight"])
    if weights == "int4":
        count = inputs if nonzeros is None else nonzeros
        if count % 2 and (values[..., -1] >> 4).any():
            raise ValueError("weight: wanted 0 beside an odd last code")
        values = split_pairs(values, count)
    if nonzeros is None:
        return values
    try:
        kept = from_bits(arrays["kept"], (outputs, inputs))
    except ValueError as error:
        raise ValueError(f"kept: {error}") from None
    if int(kept.sum()) != nonzeros:
        raise ValueError(f"kept: wanted {nonzeros} bits, got {int(kept.sum())}")
    if not values.all():
        raise ValueError("weight: wanted no zeros among what is kept")
    weight = np.zeros((outputs, inputs), FORMATS[weights])
    weight[kept] = values
    return weight
