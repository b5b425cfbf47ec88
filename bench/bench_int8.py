"""Predictions in eight bits: one row, 64 and 1024 rows. Float rows in and out, whatever lies between.

Targets hold against peers in eight bits; sprat in float32 stands beside ("float32").
"""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .networks import SIZES
from .packed import Quantized, check_close, tolerance_of
from .tasks import candidates
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """The table's rows."""
    for rows in (1, 64, 1024):
        for name, sizes in SIZES.items():
            title = f"{name} int8, {rows} row{'s' if rows > 1 else ''}"
            if wanted.case(title):
                network = Quantized(sizes, rows)
                check = check_close(network, tolerance_of(network))
                found = candidates("predict int8", network, wanted.threads, check, wanted.includes)
                yield Case(title, found, network.predict_work)
