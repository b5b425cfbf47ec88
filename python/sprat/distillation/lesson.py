"""What a student is taught: rows, targets and the teacher's outputs, with rows made besides those there are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.prepare import is_table
from ..training.targets import as_targets
from .augment import augment_rows, join
from .cache import cached
from .teacher import teacher_outputs

Array = NDArray[Any]


@dataclass
class Lesson:
    """Rows for the student, its targets, the teacher's outputs (rows, columns), and how many of the rows were given."""

    x: Any
    y: Any
    outputs: Array
    given: int


@dataclass(frozen=True)
class Asking:
    """How the teacher is asked.

    Parameters
    ----------
    teacher
    columns : int
    classification : bool
    dtype : dtype
        Of the outputs.
    cache : path, optional
    """

    teacher: Any
    columns: int
    classification: bool
    dtype: Any
    cache: str | os.PathLike[str] | None = None

    def outputs(self, x: Any, encoder: Any) -> Array:
        """What the teacher says about rows, from the cache if it knows."""

        def ask() -> Array:
            return teacher_outputs(
                self.teacher,
                x,
                self.columns,
                classification=self.classification,
                encoder=encoder if is_table(x) else None,
            )

        if self.cache is None or isinstance(self.teacher, np.ndarray):
            return np.ascontiguousarray(ask(), self.dtype)
        rows = len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
        return cached(self.cache, self.teacher, x, (rows, self.columns), self.dtype, ask)


def choices(outputs: Array) -> NDArray[np.int64]:
    """The class that each row of raw outputs speaks for.

    >>> choices(np.array([[0.5, 2.0], [3.0, 1.0]])), choices(np.array([[0.5], [-1.0]]))
    (array([1, 0]), array([1, 0]))
    """
    chosen = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return np.asarray(chosen, np.int64)


def plain(asking: Asking, x: Any, y: Any, encoder: Any) -> Lesson:
    """The rows there are; without targets the teacher's answers are the targets too."""
    outputs = asking.outputs(x, encoder)
    if y is None:
        y = choices(outputs) if asking.classification else outputs
    return Lesson(x, y, outputs, len(outputs))


def augmented(asking: Asking, x: Any, y: Any, encoder: Any, method: Any, factor: int, seed: int) -> Lesson:
    """The rows there are and ``factor`` times as many new ones, whose targets are the teacher's answers."""
    groups = None
    if is_table(x):
        y = _coded_target(encoder, x, y)
        x = _without(x, encoder.target_name)
    else:
        x = np.asarray(x)
        if encoder is not None and x.ndim == 2 and x.shape[1] == encoder.num_features:
            groups = one_hot_groups(encoder)
    rows = join([x, augment_rows(x, factor, method=method, seed=seed, groups=groups)])
    outputs = asking.outputs(rows, encoder)
    given = len(outputs) // (factor + 1)
    answers = choices(outputs) if asking.classification else outputs
    targets: Array
    if y is None:
        targets = answers
    else:
        known = as_targets(y, "y")
        if known.shape[:1] != (given,):
            raise ValueError(f"y: wanted {given} rows as x has, got {len(known) if known.ndim else 'one number'}")
        targets = np.concatenate([known, _in_words_of(known, answers[given:])])
    return Lesson(encoder.transform(rows) if is_table(rows) else rows, targets, outputs, given)


def one_hot_groups(encoder: Any) -> list[list[int]]:
    """Columns of an encoded matrix that are one category each.

    >>> from sprat.tabular import Encoder
    >>> one_hot_groups(Encoder.fit({"size": [1.0, 2.0], "city": ["Oslo", "Rome"]}))
    [[1, 2]]
    """
    groups, start = [], 0
    for feature in encoder.features:
        width = len(feature.names)
        if feature.kind == "category":
            groups.append(list(range(start, start + width)))
        start += width
    return groups


def _coded_target(encoder: Any, x: Any, y: Any) -> Any:
    if y is not None and not isinstance(y, str):
        return encoder.transform_target(y) if encoder.target is not None else y
    names = x if hasattr(x, "keys") else x.dtype.names if isinstance(x, np.ndarray) else x.columns
    return encoder.transform_target(x) if encoder.target_name in names else None


def _without(x: Any, target: str | None) -> Any:
    """A table's columns but the target's; a structured array becomes a dict of columns."""
    if hasattr(x, "iloc"):
        return x[[name for name in x.columns if name != target]]
    names = x.dtype.names if isinstance(x, np.ndarray) else x
    return {name: np.asarray(x[name]) for name in names if name != target}


def _in_words_of(known: Array, answers: Array) -> Array:
    """The teacher's answers as the targets are written: ids, names, or numbers of the same shape."""
    if known.dtype.kind in "UO":
        names = np.unique(known.astype(str))
        result: Array = names[answers]
        return result
    return answers.reshape(-1, *known.shape[1:]).astype(known.dtype)
