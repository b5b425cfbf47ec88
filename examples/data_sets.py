"""The data sets of the other examples: digits; Fashion-MNIST, a folder of IDX files (Debian: dataset-fashion-mnist);
prices of diamonds, a table inside plotnine (pip install --no-deps plotnine), which is not imported."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata

import numpy as np

from sprat import demo, tabular
from sprat.optim import SGD, AdamW

FOLDER = "/usr/share/datasets/fashion-mnist"
SGD_AND_MOMENTUM = partial(SGD, momentum=0.9, nesterov=True, weight_decay=5e-4)  # Adam learns more by heart
FASHION, DIGITS = (128, 12, SGD_AND_MOMENTUM, 0.1), (32, 30, SGD_AND_MOMENTUM, 0.05)


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


def load(name, folder=FOLDER):
    if name == "diamonds":
        table = tabular.read_table(str(metadata.distribution("plotnine").locate_file("plotnine/data/diamonds.csv")))
        parts = tabular.split(len(table["price"]), 0.2)
        encoder = tabular.Encoder.fit({column: values[parts[0]] for column, values in table.items()}, target="price")
        x, y = encoder.transform(table), encoder.transform_target(table["price"])
        train, test = ((x[part], y[part]) for part in parts)
        return Task(train, test, "r2", [x.shape[1], 256, 128, 1], 64, 12, partial(AdamW, weight_decay=0.05), 1e-3)
    data = demo.load(folder if name == "fashion" else None)
    sizes = [data.features, 256, 128, data.classes]
    return Task(data.train, data.test, "accuracy", sizes, *(FASHION if name == "fashion" else DIGITS))


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", choices=["digits", "fashion", "diamonds"], default="digits")
    parser.add_argument("--folder", default=FOLDER, help="of the four IDX files")
    for name, default in more.items():  # whole numbers
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    task = load(*vars(arguments(__doc__)).values())
    for x, y in (task.train, task.test):
        print(f"x {x.shape}, y {y.shape}")
