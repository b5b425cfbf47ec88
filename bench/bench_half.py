"""Predictions with weights of two bytes: bfloat16 products where the CPU has them, else weights widened to float32."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .networks import SIZES
from .packed import Half, check_close, tolerance_of
from .tasks import candidates
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """The table's rows."""
    for rows in (1, 1024):
        for name, sizes in SIZES.items():
            title = f"{name} bf16, {rows} row{'s' if rows > 1 else ''}"
            if wanted.case(title):
                network = Half(sizes, rows)
                check = check_close(network, tolerance_of(network))
                found = candidates("predict bf16", network, wanted.threads, check, wanted.includes)
                yield Case(title, found, network.predict_work)
