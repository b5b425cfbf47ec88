"""float64: predictions and training steps of three networks, for gradient checks and scientific users."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .networks import SIZES, Network
from .tasks import candidates, check_prediction, check_training
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """One row, 1024 rows; steps of 32 and 1024 rows."""
    for name in ("A", "B", "C"):
        for rows in (1, 1024):
            network = Network(SIZES[name], rows, "float64")
            title = f"predict {name}, {rows} row{'s' if rows > 1 else ''}"
            if wanted.case(title):
                found = candidates("predict", network, wanted.threads, check_prediction(network), wanted.includes)
                yield Case(title, found, network.predict_work)
        for rows in (32, 1024):
            network = Network(SIZES[name], rows, "float64")
            title = f"train {name}, {rows} rows"
            if wanted.case(title):
                found = candidates("train", network, wanted.threads, check_training(network), wanted.includes)
                yield Case(title, found, network.train_work)
