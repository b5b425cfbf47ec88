"""One training step with Adam: passes forward and back, and the update. Five networks, 32, 128 and 1024 rows.

A step by a call of its own, and, "in stretches", the time of each of many steps that one call makes.
"""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .networks import SIZES, Network
from .tasks import candidates, check_training
from .topics import Wanted

SWEEP_ROWS = (1, 4, 16, 64, 256, 1024)


def case(
    name: str, network: Network, wanted: Wanted, sweep: tuple[str, str, float] | None = None, task: str = "train"
) -> Case:
    """One network with some rows."""
    found = candidates(task, network, wanted.threads, check_training(network), wanted.includes)
    return Case(name, found, network.train_work, sweep)


def cases(wanted: Wanted) -> Iterator[Case]:
    """The table's rows, then a sweep over rows."""
    for rows in (32, 128, 1024):
        for name, sizes in SIZES.items():
            title = f"{name}, {rows} rows"
            if wanted.case(title):
                yield case(title, Network(sizes, rows), wanted)
            if wanted.case(title := f"{title}, in stretches"):
                yield case(title, Network(sizes, rows), wanted, task="train stretch")
    for rows in wanted.thinned(SWEEP_ROWS):
        title = f"sweep over rows, C, {rows}"
        if wanted.case(title):
            yield case(title, Network(SIZES["C"], rows), wanted, ("training step of C", "rows", rows))
