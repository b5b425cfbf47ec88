"""Predictions of networks with zeros: 90 % of the hidden weights, in three patterns; 1, 64 and 1024 rows.

Peers know one pattern, compressed rows; sprat's dense float32 ("float32") is what zeros have to beat.
"""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .networks import SIZES
from .packed import PATTERNS, Sparse
from .tasks import candidates, check_prediction
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """C and D of the table, then a sweep over the share of zeros."""
    for name in ("C", "D"):
        for pattern in PATTERNS:
            for rows in (1, 64, 1024):
                title = f"{name} 90 % {pattern}, {rows} row{'s' if rows > 1 else ''}"
                if wanted.case(title):
                    yield _case(title, Sparse(SIZES[name], rows, pattern=pattern), wanted)
    for rows in (1, 64):
        for percent in wanted.thinned((50, 60, 70, 80, 90, 95, 98)):
            title = f"sweep over zeros, C, {rows} row{'s' if rows > 1 else ''}, {percent} %"
            if wanted.case(title):
                sweep = (f"predict C, {rows} rows, unstructured zeros", "percent of zeros", percent)
                yield _case(title, Sparse(SIZES["C"], rows, sparsity=percent / 100), wanted, sweep)


def _case(title: str, network: Sparse, wanted: Wanted, sweep: tuple[str, str, float] | None = None) -> Case:
    found = candidates("predict sparse", network, wanted.threads, check_prediction(network), wanted.includes)
    return Case(title, found, network.predict_work, sweep)
