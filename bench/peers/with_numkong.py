"""NumKong: an affine pass, then a saturating cast that rounds to even."""

from __future__ import annotations

import numkong
import numpy as np

from ..arrays import aligned
from ..problems import Quantizing
from ..tasks import Prepared, offers


@offers("quantize", "numkong")
def quantize(problem: Quantizing, threads: int) -> Prepared | None:
    """Per tensor; it multiplies by 1 / scale."""
    if problem.per_channel:
        return None
    x, work, out = problem.x, aligned(np.empty_like(problem.x)), np.empty(problem.n, np.int8)
    alpha, beta = 1.0 / problem.scale, float(problem.zero_point)

    def call() -> None:
        numkong.scale(x, alpha=alpha, beta=beta, out=work)
        numkong.astype(work, "int8", out=out)

    return Prepared(call, lambda: out)


@offers("dequantize", "numkong")
def dequantize(problem: Quantizing, threads: int) -> Prepared | None:
    """Per tensor."""
    if problem.per_channel:
        return None
    q, work, out = problem.codes, aligned(np.empty_like(problem.x)), aligned(np.empty_like(problem.x))
    alpha, beta = problem.scale, -float(problem.zero_point) * problem.scale

    def call() -> None:
        numkong.astype(q, "float32", out=work)
        numkong.scale(work, alpha=alpha, beta=beta, out=out)

    return Prepared(call, lambda: out)
