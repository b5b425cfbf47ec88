"""Tables of the user's for models of the user's: which columns, how they are read, and what they become."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tabular


def add_data(parser: argparse.ArgumentParser, what: str = "table of rows") -> None:
    """The argument DATA."""
    parser.add_argument("data", metavar="DATA", help=f"{what}: .csv, .tsv, .parquet or .npz")


@dataclass(frozen=True)
class Rows:
    """A table as a model takes it: (rows, in_features), coded targets, and the classes as the table has them.

    ``labels`` is None for regression. Splits keep their shares, so ``sprat train`` and ``sprat compress`` draw the same
    rows from the same table.
    """

    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    labels: Any = None

    def split(self, share: float, seed: int) -> tuple[Rows, Rows]:
        """Rows to train on, and a share of the rows to measure on."""
        chosen, rest = tabular.split(len(self), share, seed=seed, stratify=self.labels)
        return self._part(chosen), self._part(rest)

    def _part(self, index: Any) -> Rows:
        labels = None if self.labels is None else self.labels[index]
        return Rows(np.ascontiguousarray(self.x[index]), self.y[index], labels)

    def __len__(self) -> int:
        return len(self.x)


def read(path: str) -> dict[str, Any]:
    """A table with at least one row."""
    table = tabular.read_table(path)
    if not table or len(next(iter(table.values()))) == 0:
        raise ValueError(f"{path} has no rows")
    return table


def column(table: dict[str, Any], name: str, path: str) -> Any:
    """One column of a table, or a line that says which there are."""
    if name not in table:
        known = ", ".join(map(repr, list(table)[:8])) + (" ..." if len(table) > 8 else "")
        raise ValueError(f"{path} has no column {name!r}; it has {known}")
    return table[name]


def encode(encoder: tabular.Encoder, table: dict[str, Any], target: str) -> Rows:
    """A table with its target, as the encoder codes them; regression targets become (rows, 1) floats."""
    y = encoder.transform_target(table[target])
    if encoder.task == "regression":
        return Rows(encoder.transform(table), y[:, None])
    return Rows(encoder.transform(table), y, table[target])


def rows_for(model: Any, path: str, target: str | None) -> Rows:
    """Read a table with targets for a model.

    A model that was trained on a table knows its columns and its target. One that was not takes all other columns, in
    their order, as its inputs, and needs ``target``.
    """
    encoder = model.encoder
    if encoder is not None and encoder.target is not None:
        name = encoder.target_name or target
        if name is None:
            raise ValueError("--target: the model does not know the name of its target; name its column")
        column_name = target or name
        table = tabular.read_table(path, {**encoder.column_kinds, column_name: "auto"})
        return encode(encoder, table, column_name)
    if target is None:
        raise ValueError("--target: the model was not trained on a table; name the column that holds the target")
    table = read(path)
    y = np.asarray(column(table, target, path))
    del table[target]
    x = encoder.transform(table) if encoder is not None else matrix(model, table, path)
    return Rows(x, y[:, None]) if y.dtype.kind == "f" else Rows(x, y, y)


def matrix(model: Any, table: dict[str, Any], path: str) -> np.ndarray[Any, Any]:
    """All columns of a table as the inputs of a model without an encoder."""
    for name, values in table.items():
        if np.asarray(values).dtype.kind not in "iubf":
            raise TypeError(f"{path}: column {name!r} holds text, and the model has no encoder for it")
    if len(table) != model.in_features:
        raise ValueError(f"{path}: the model takes {model.in_features} columns, got {len(table)}")
    return np.ascontiguousarray(np.column_stack(list(table.values())), model.dtype)


def load_model(path: str) -> Any:
    """A model file."""
    from .. import io

    return io.load(path)


def score_line(scores: dict[str, float]) -> str:
    """Scores as words: "accuracy 97.50%, loss 0.0861".

    >>> score_line({"loss": 0.08612, "accuracy": 0.975})
    'accuracy 97.50%, loss 0.08612'
    """
    names = [name for name in ("accuracy", "r2", "rmse", "mae", "loss") if name in scores]
    return ", ".join(
        f"{name} {scores[name]:.2%}" if name == "accuracy" else f"{name} {scores[name]:.4g}" for name in names
    )
