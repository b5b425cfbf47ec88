"""The data sets of the other examples: digits, Fashion-MNIST, and prices of diamonds.

Fashion-MNIST is a folder of IDX files (Debian: dataset-fashion-mnist); the table of diamonds comes inside plotnine
(pip install --no-deps plotnine), which is looked for, not imported.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata

import numpy as np

from sprat import demo, tabular
from sprat.optim import SGD, AdamW

# Sparse classifiers learn more by heart with Adam; on Fashion-MNIST that costs 0.3 points of accuracy.
SGD_AND_MOMENTUM = partial(SGD, momentum=0.9, nesterov=True, weight_decay=5e-4)


@dataclass
class Task:
    """Rows to learn from and to test on, what is measured on them, and a network that suits them."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    metric: str
    sizes: list[int]
    batch_size: int
    epochs: int
    optimizer: Callable
    lr: float


def load(name, folder="/usr/share/datasets/fashion-mnist"):
    """The task of a name: "digits", "fashion" or "diamonds"."""
    if name == "diamonds":
        path = metadata.distribution("plotnine").locate_file("plotnine/data/diamonds.csv")
        table = tabular.read_table(str(path))
        parts = tabular.split(len(table["price"]), 0.2)
        encoder = tabular.Encoder.fit({column: values[parts[0]] for column, values in table.items()}, target="price")
        x, y = encoder.transform(table), encoder.transform_target(table["price"])  # mean 0, deviation 1
        train, test = ((x[rows], y[rows]) for rows in parts)
        return Task(train, test, "r2", [x.shape[1], 256, 128, 1], 64, 12, partial(AdamW, weight_decay=0.05), 1e-3)
    data = demo.load(folder if name == "fashion" else None)
    sizes = [data.features, 256, 128, data.classes]
    numbers = (128, 12, SGD_AND_MOMENTUM, 0.1) if name == "fashion" else (32, 30, SGD_AND_MOMENTUM, 0.05)
    return Task(data.train, data.test, "accuracy", sizes, *numbers)


def arguments(description, **more):
    """The command line of an example that runs on any of them; ``more``: whole numbers and their defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["digits", "fashion", "diamonds"], default="digits")
    parser.add_argument("--folder", default="/usr/share/datasets/fashion-mnist", help="of the four IDX files")
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = arguments(__doc__)
    task = load(chosen.data, chosen.folder)
    for part in ("train", "test"):
        print(f"{part}: x {getattr(task, part)[0].shape}, y {getattr(task, part)[1].shape}")
