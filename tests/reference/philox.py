"""Philox4x32-10 (Salmon et al., SC 2011) and the dropout that counts by it, one number at a time."""

from __future__ import annotations

import numpy as np

_M = 0xFFFFFFFF


def block(seed: int, stream: int, index: int) -> list[int]:
    """Four random words for a 64-bit key and a counter of two 64-bit halves."""
    key = [seed & _M, seed >> 32]
    c = [index & _M, index >> 32, stream & _M, stream >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ key[0], p1 & _M, (p0 >> 32) ^ c[3] ^ key[1], p0 & _M]
        key = [(key[0] + 0x9E3779B9) & _M, (key[1] + 0xBB67AE85) & _M]
    return c


def kept(
    probability: float, rows: int, columns: int, *, seed: int, step: int, layer: int, first_row: int = 0
) -> np.ndarray:
    """Which elements of a layer dropout keeps."""
    stream = 0xD0 << 56 | step << 16 | layer
    blocks = -(-columns // 4)
    words = [
        [block(seed, stream, (first_row + row) * blocks + column // 4)[column % 4] for column in range(columns)]
        for row in range(rows)
    ]
    return (np.array(words) >> 8) * 2.0**-24 >= probability
