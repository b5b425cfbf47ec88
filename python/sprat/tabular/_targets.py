"""How the column to predict becomes numbers and back: class ids, or a standardised number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from .._check import short
from ._columns import Column
from ._features import check_finite, check_moments, check_text
from ._moments import mean_and_scale

_AUTO_CLASSES = 20  # whole numbers with at most this many distinct values are taken for class labels
_EXACT = 2.0**53  # whole numbers beyond are not exact in float64

ClassName = str | int | float | bool


@dataclass(frozen=True)
class ClassTarget:
    """Classes in sorted order; the id of a class is its position."""

    task: ClassVar[Literal["classification"]] = "classification"
    name: str | None
    classes: tuple[ClassName, ...]

    def __post_init__(self) -> None:
        if self.name is not None:
            check_text("name", self.name)
        if not isinstance(self.classes, tuple) or len(self.classes) < 2:
            raise ValueError("classes: wanted a list of at least two")
        if len(set(map(type, self.classes))) != 1:
            raise ValueError("classes must all be texts, all whole numbers, all numbers, or all booleans")
        for i, label in enumerate(self.classes):
            if isinstance(label, str):
                check_text(f"classes[{i}]", label)
            elif not isinstance(label, bool | int | float) or not abs(label) <= _EXACT:
                raise ValueError(f"classes[{i}]: wanted a text, number or boolean, got {short(label)}")
            if i and not self.classes[i - 1] < label:  # type: ignore[operator]
                raise ValueError(f"classes: wanted sorted and distinct, got {short(label)} at {i}")

    @staticmethod
    def fit(name: str | None, column: Column) -> ClassTarget:
        classes: list[ClassName]
        if column.kind == "text":
            classes = sorted(set(column.values.tolist()))
        else:
            numbers = np.unique(column.values).tolist()
            if column.kind == "boolean":
                classes = [bool(v) for v in numbers]
            elif all(v.is_integer() for v in numbers):
                classes = [int(v) for v in numbers]
            else:
                classes = numbers
            if max(abs(v) for v in numbers) > _EXACT:
                raise ValueError(f"{_label(name)} holds whole numbers beyond 2**53; give them as text")
        if len(classes) < 2:
            raise ValueError(f"{_label(name)} has one class only ({classes[0]!r}); classification needs two or more")
        return ClassTarget(name, tuple(classes))

    def encode(self, column: Column, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Class ids of (rows,) labels, int64."""
        text = isinstance(self.classes[0], str)
        labels = column.as_text() if text else column.values
        if not text and column.kind == "text":
            raise TypeError(f"{_label(self.name)} must hold numbers, as in fit, got text")
        index = {label: i for i, label in enumerate(self.classes)}
        ids = np.fromiter((index.get(v, -1) for v in labels.tolist()), np.int64, len(labels))
        if (ids < 0).any():
            row = int((ids < 0).argmax())
            raise ValueError(f"{_label(self.name)}, row {row}: class {labels[row]!r} was not seen in fit")
        return ids

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Labels of class ids."""
        if values.dtype.kind not in "iu":
            raise TypeError(f"class ids: wanted integers, got {values.dtype}")
        if values.size and (values.min() < 0 or values.max() >= len(self.classes)):
            raise ValueError(f"class ids: wanted 0 to {len(self.classes) - 1}, got {values.min()} to {values.max()}")
        return np.asarray(np.array(self.classes)[values])

    def config(self) -> dict[str, Any]:
        return {"task": self.task, "name": self.name, "classes": list(self.classes)}


@dataclass(frozen=True)
class NumberTarget:
    """A number to predict, standardised: (value - mean) / scale."""

    task: ClassVar[Literal["regression"]] = "regression"
    name: str | None
    mean: float
    scale: float

    def __post_init__(self) -> None:
        if self.name is not None:
            check_text("name", self.name)
        check_moments(self.mean, self.scale)

    @staticmethod
    def fit(name: str | None, column: Column) -> NumberTarget:
        if column.kind == "text":
            raise TypeError(f"{_label(name)} holds text; regression needs numbers")
        try:
            return NumberTarget(name, *mean_and_scale(column.values))
        except OverflowError:
            raise ValueError(f"{_label(name)} holds numbers too large to standardise") from None

    def encode(self, column: Column, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Standardised (rows,) values of `dtype`."""
        if column.kind == "text":
            raise TypeError(f"{_label(self.name)} must hold numbers, as in fit, got text")
        with np.errstate(over="ignore"):
            values = ((column.values - self.mean) / self.scale).astype(dtype)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(f"{_label(self.name)}, row {row}: {column.values[row]} is too large for {dtype}")
        return values

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in the target's own units, float64, of the shape given."""
        if values.dtype.kind not in "iuf":
            raise TypeError(f"values: wanted numbers, got {values.dtype}")
        return values.astype(np.float64) * self.scale + self.mean

    def config(self) -> dict[str, Any]:
        return {"task": self.task, "name": self.name, "mean": self.mean, "scale": self.scale}


Target = ClassTarget | NumberTarget


def fit_target(name: str | None, column: Column, task: str) -> Target:
    """Learn how to code the target; `task` is "auto", "classification" or "regression"."""
    check_target(name, column)
    if len(column.values) == 0:
        raise ValueError(f"{_label(name)} has no rows")
    if task == "auto":
        task = "classification" if _looks_like_classes(column) else "regression"
    return ClassTarget.fit(name, column) if task == "classification" else NumberTarget.fit(name, column)


def check_target(name: str | None, column: Column) -> None:
    """Refuse a target with missing or infinite values."""
    missing = column.missing
    if missing.any():
        raise ValueError(f"{_label(name)} is missing in row {int(missing.argmax())}; drop such rows")
    if column.kind != "text":
        check_finite(name if name is not None else "target", column.values)


def _looks_like_classes(column: Column) -> bool:
    if column.kind != "number" or column.categorical:
        return True
    distinct = np.unique(column.values)
    return len(distinct) <= _AUTO_CLASSES and all(math.floor(v) == v for v in distinct.tolist())


def _label(name: str | None) -> str:
    return "target" if name is None else f"target {name!r}"
