"""Which elements of an array are set, as a bit each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def num_bytes(size: int) -> int:
    """Bytes that hold a bit for each of ``size`` elements.

    >>> from sprat._bits import num_bytes
    >>> num_bytes(8), num_bytes(9)
    (1, 2)
    """
    return -(-size // 8)


def to_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    """A bit for each element, row after row, the first in the lowest bit: 1 where it is not zero.

    >>> import numpy as np
    >>> from sprat._bits import to_bits
    >>> to_bits(np.array([[1, 0, 2], [0, 0, 0]])).tolist()
    [5]
    """
    return np.packbits(np.asarray(array) != 0, bitorder="little")


def from_bits(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What :func:`to_bits` was given; ValueError when a bit beyond the last element is set.

    >>> import numpy as np
    >>> from sprat._bits import from_bits
    >>> from_bits(np.uint8([5]), (2, 3)).tolist()
    [[True, False, True], [False, False, False]]
    """
    size = int(np.prod(shape))
    spread = np.unpackbits(bits, bitorder="little")
    if spread[size:].any():
        raise ValueError(f"wanted no bits beyond {size} elements")
    return spread[:size].view(np.bool_).reshape(shape)
