"""Predictions of five networks: one row, 1024 rows, and sweeps over rows and width. Candidates write into given memory.

Hidden layers are relu, the output is identity, for every candidate.
"""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .networks import SIZES, Network
from .tasks import candidates, check_prediction
from .topics import Wanted

SWEEP_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
SWEEP_WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)


def case(name: str, network: Network, wanted: Wanted, sweep: tuple[str, str, float] | None = None) -> Case:
    """One network with some rows."""
    found = candidates("predict", network, wanted.threads, check_prediction(network), wanted.includes)
    return Case(name, found, network.predict_work, sweep)


def cases(wanted: Wanted) -> Iterator[Case]:
    """The table's rows, then the sweeps, of which a quick run does every third."""
    for rows in (1, 1024):
        for name, sizes in SIZES.items():
            title = f"{name}, {rows} row{'s' if rows > 1 else ''}"
            if wanted.case(title):
                yield case(title, Network(sizes, rows), wanted)
    for name in ("B", "C"):
        for rows in wanted.thinned(SWEEP_ROWS):
            title = f"sweep over rows, {name}, {rows}"
            if wanted.case(title):
                yield case(title, Network(SIZES[name], rows), wanted, (f"predict {name}", "rows", rows))
    for rows in (1, 128):
        for width in wanted.thinned(SWEEP_WIDTHS):
            title = f"sweep over width, {rows} rows, 32-{width}-{width}-10"
            if wanted.case(title):
                sweep = (f"predict 32-w-w-10, {rows} rows", "width w", width)
                yield case(title, Network((32, width, width, 10), rows), wanted, sweep)
