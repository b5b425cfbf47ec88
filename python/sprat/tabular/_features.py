"""How one column becomes features: a standardised number, or a one-hot category."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._check import short
from ._columns import Column
from ._moments import mean_and_scale


@dataclass(frozen=True)
class NumberFeature:
    """A column of numbers: (value - mean) / scale, missing values 0 (the mean).

    If there were missing values in fit, a second feature is 1 where the value is missing, else 0.
    """

    kind: ClassVar[str] = "number"
    name: str
    mean: float
    scale: float
    missing: bool

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_moments(self.mean, self.scale)
        check_flag("missing", self.missing)

    @staticmethod
    def fit(name: str, column: Column) -> NumberFeature:
        missing = column.missing
        there = column.values[~missing]
        check_finite(name, column.values)
        if len(there) == 0:
            raise ValueError(f"column {name!r} has no value in any row; leave it out")
        try:
            mean, scale = mean_and_scale(there)
        except OverflowError:
            raise ValueError(f"column {name!r} holds numbers too large to standardise") from None
        return NumberFeature(name, mean, scale, bool(missing.any()))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} (missing)") if self.missing else (self.name,)

    def encode(self, column: Column, out: NDArray[Any]) -> None:
        """Write the features of (rows,) values to `out` (rows, 1 or 2)."""
        values = column.values
        if column.kind == "text":
            texts = [v for v in values.tolist() if v is not None]
            if texts:
                raise TypeError(f"column {self.name!r} must hold numbers, as in fit, got text ({texts[0]!r})")
            values = np.full(len(values), np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = ((values - self.mean) / self.scale).astype(out.dtype)
        missing: Any = False
        if not np.isfinite(scaled).all():
            check_finite(self.name, values)
            missing = np.isnan(values)
            scaled[missing] = 0.0
            if not np.isfinite(scaled).all():
                row = int(np.isfinite(scaled).argmin())
                raise ValueError(f"column {self.name!r}, row {row}: {values[row]} is too large for {out.dtype}")
        out[:, 0] = scaled
        if self.missing:
            out[:, 1] = missing

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "mean": self.mean,
            "scale": self.scale,
            "missing": self.missing,
        }


@dataclass(frozen=True)
class CategoryFeature:
    """A column of categories: one feature each, in sorted order, 1 where the value is that category.

    A category not seen in fit is all zeros. So is a missing value, unless there were some in fit: they are
    one more feature.
    """

    kind: ClassVar[str] = "category"
    name: str
    categories: tuple[str, ...]
    missing: bool

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_flag("missing", self.missing)
        if not isinstance(self.categories, tuple) or not self.categories:
            raise ValueError("categories: wanted a list of at least one text")
        for i, category in enumerate(self.categories):
            check_text(f"categories[{i}]", category)
            if i and category <= self.categories[i - 1]:
                raise ValueError(f"categories: wanted sorted and distinct, got {short(category)} at {i}")

    @staticmethod
    def fit(name: str, column: Column, max_categories: int) -> CategoryFeature:
        if column.kind != "text":
            check_finite(name, column.values)
        seen = set(column.as_text().tolist())
        missing = None in seen
        categories = tuple(sorted(seen - {None}))
        if not categories:
            raise ValueError(f"column {name!r} has no value in any row; leave it out")
        if len(categories) > max_categories:
            raise ValueError(
                f"column {name!r} has {len(categories)} categories, more than "
                f"max_categories={max_categories}; leave it out or raise the limit"
            )
        return CategoryFeature(name, categories, missing)

    @cached_property
    def names(self) -> tuple[str, ...]:
        names = tuple(f"{self.name}={category}" for category in self.categories)
        return (*names, f"{self.name} (missing)") if self.missing else names

    @cached_property
    def _index(self) -> dict[str | None, int]:
        index: dict[str | None, int] = {category: i for i, category in enumerate(self.categories)}
        if self.missing:
            index[None] = len(index)
        return index

    def encode(self, column: Column, out: NDArray[Any]) -> None:
        """Write the one-hot rows of (rows,) values to `out` (rows, number of names)."""
        if column.kind != "text":
            check_finite(self.name, column.values)
        get = self._index.get
        codes = np.fromiter((get(v, -1) for v in column.as_text().tolist()), np.intp, len(column.values))
        out[:] = 0
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "categories": list(self.categories),
            "missing": self.missing,
        }


Feature = NumberFeature | CategoryFeature


def check_finite(name: str, values: NDArray[np.float64]) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise ValueError(f"column {name!r}, row {row}: {values[row]} is not a usable number")


def check_text(what: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what}: wanted a text that is not empty, got {short(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what}: wanted valid Unicode, got {short(value)}") from None


def check_flag(what: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{what}: wanted true or false, got {short(value)}")


def check_moments(mean: Any, scale: Any) -> None:
    for what, value in (("mean", mean), ("scale", scale)):
        if not isinstance(value, float) or not math.isfinite(value):
            raise ValueError(f"{what}: wanted a finite float, got {short(value)}")
    if scale <= 0.0:
        raise ValueError(f"scale: wanted above 0, got {scale}")
