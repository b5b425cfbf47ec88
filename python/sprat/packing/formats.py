"""The number formats of weights, and how numbers get into them and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check

__all__ = [
    "BLOCKS",
    "FORMATS",
    "GROUP_UNIT",
    "INTEGERS",
    "MAX_INTEGER_INPUTS",
    "PRODUCTS",
    "ZEROS",
    "from_bfloat16",
    "group_size_of",
    "pairs_of",
    "split_pairs",
    "to_bfloat16",
]

# dtype of a layer's weight in memory. NumPy has no bfloat16: its two bytes stand in uint16. int4 takes a byte for each
# code here and half of one in files and in the native module.
FORMATS: dict[str, np.dtype[Any]] = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(np.uint16),
    "int8": np.dtype(np.int8),
    "int4": np.dtype(np.int8),
}
# Those whose products are integers.
INTEGERS = ("int8", "int4")
# How zeros of a weight are left out.
ZEROS = ("dense", "unstructured", "blocks")
# Outputs by inputs of the blocks that are left out, where a format knows such.
BLOCKS = {"float32": (16, 1), "int8": (16, 4)}
# How bfloat16 weights are multiplied.
PRODUCTS = ("float32", "bfloat16")
# Inputs that share a scale come in multiples of this: what a register takes at once. What a file can say is the most.
GROUP_UNIT = 32
_LARGEST_GROUP = 2**31 - GROUP_UNIT
# Beyond this a sum of u8 x s8 products could leave 32 bits.
MAX_INTEGER_INPUTS = 65793


def to_bfloat16(x: ArrayLike) -> NDArray[np.uint16]:
    """The upper halves of float32 numbers, rounded half to even; what is too large becomes infinite.

    >>> import numpy as np
    >>> from sprat.packing.formats import from_bfloat16, to_bfloat16
    >>> from_bfloat16(to_bfloat16(np.float32([1.0, 3.14159, -1e-3]))).tolist()
    [1.0, 3.140625, -0.00099945068359375]
    """
    values = np.ascontiguousarray(x, np.float32)
    bits = values.view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    upper = np.where(np.isnan(values), np.uint32(0x7FC00000), rounded) >> np.uint32(16)
    return upper.astype(np.uint16)


def from_bfloat16(x: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 numbers that bfloat16 ones are.

    >>> import numpy as np
    >>> from sprat.packing.formats import from_bfloat16
    >>> from_bfloat16(np.uint16([0x3F80, 0xC000]))
    array([ 1., -2.], dtype=float32)
    """
    return (x.astype(np.uint32) << np.uint32(16)).view(np.float32)


def group_size_of(group_size: Any) -> int:
    """A group size that can be.

    >>> from sprat.packing.formats import group_size_of
    >>> group_size_of(64)
    64
    """
    group = _check.check_count("group_size", group_size, GROUP_UNIT, _LARGEST_GROUP)
    if group % GROUP_UNIT:
        raise ValueError(f"group_size: wanted a multiple of {GROUP_UNIT}, got {group}")
    return group


def pairs_of(codes: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Codes -8 to 7 along the last axis, two in a byte, the first in the low half; an odd last one has 0 beside it.

    >>> import numpy as np
    >>> from sprat.packing.formats import pairs_of, split_pairs
    >>> pairs_of(np.int8([[1, -1, 2]])).tolist()
    [[241, 2]]
    >>> split_pairs(pairs_of(np.int8([[1, -1, 2]])), 3).tolist()
    [[1, -1, 2]]
    """
    low = codes[..., 0::2].view(np.uint8) & 0x0F
    high = np.zeros_like(low)
    high[..., : codes.shape[-1] // 2] = codes[..., 1::2].view(np.uint8) << 4
    return np.ascontiguousarray(low | high)


def split_pairs(pairs: NDArray[np.uint8], count: int) -> NDArray[np.int8]:
    """The ``count`` codes along the last axis that :func:`pairs_of` joined.

    >>> import numpy as np
    >>> from sprat.packing.formats import split_pairs
    >>> split_pairs(np.uint8([[0xF1]]), 2).tolist()
    [[1, -1]]
    """
    codes = np.empty((*pairs.shape[:-1], 2 * pairs.shape[-1]), np.int8)
    codes[..., 0::2] = (pairs << 4).view(np.int8) >> 4
    codes[..., 1::2] = pairs.view(np.int8) >> 4
    return np.ascontiguousarray(codes[..., :count])
