"""Whole epochs: time to finish, at an accuracy that all must reach. Fashion-MNIST where Debian's package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .arrays import aligned
from .cases import Array, Case, Work
from .networks import SIZES
from .problems import Training
from .tasks import candidates
from .topics import Wanted

FOLDER = Path("/usr/share/datasets/fashion-mnist")  # dataset-fashion-mnist
EPOCHS, BATCH = 5, 128


def images() -> tuple[str, tuple[Array, Array], tuple[Array, Array]]:
    """Fashion-MNIST, else numbers of its shape that ten prototypes and noise make."""
    if FOLDER.is_dir():
        from sprat.demo import load

        data = load(FOLDER)
        return "Fashion-MNIST", (aligned(data.train[0]), data.train[1].ravel()), (data.test[0], data.test[1].ravel())
    rng = np.random.default_rng(0)
    prototypes, labels = rng.standard_normal((10, 784), np.float32), rng.integers(0, 10, 70_000)
    x = 0.15 * prototypes[labels] + rng.standard_normal((len(labels), 784), np.float32)
    return "synthetic images", (aligned(x[:60_000]), labels[:60_000]), (x[60_000:], labels[60_000:])


def cases(wanted: Wanted) -> Iterator[Case]:
    """Five epochs of C; a quick run does one epoch of a sixth of the rows."""
    name, train, test = images()
    epochs, accuracy = EPOCHS, 0.86
    title = f"C, {epochs} epochs of {name}, batch {BATCH}"
    if wanted.quick:
        epochs, accuracy, rows = 1, 0.7, 10_000
        train = train[0][:rows], train[1][:rows]
        title = f"C, 1 epoch of {rows:,} rows of {name}, batch {BATCH}"
    if wanted.case(title):
        problem = Training(SIZES["C"], train, test, epochs, BATCH, accuracy)
        found = candidates("epochs", problem, wanted.threads, problem.check, wanted.includes)
        step = problem.network.train_work
        yield Case(title, found, Work(flops=step.flops * len(train[0]) / BATCH * epochs))
