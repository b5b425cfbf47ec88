"""The encoder: a table in, a matrix of numbers out, and what a model says back in the table's words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._check import check_count, short
from ..errors import FormatError
from ._columns import Column, as_column, is_table, raw_columns, same_length
from ._features import CategoryFeature, Feature, NumberFeature, check_text
from ._targets import ClassName, ClassTarget, NumberTarget, Target, check_target, fit_target

VERSION = 1  # of the configuration
_TASKS = ("auto", "classification", "regression")
_DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Encoder:
    """What a table needs to become the input of a network, learnt from a table by `Encoder.fit`.

    - Numbers and booleans are standardised, (value - mean) / scale, with the mean and the population standard
    deviation of
      fit in float64. A column that was constant in fit has scale 1: it gives 0 for that value. Missing values
      (NaN, None, pandas.NA, empty text) give 0, the mean; a column that had some in fit gets a second
      feature, 1 where missing.
    - Text and pandas categoricals are one-hot, in sorted order. A category not seen in fit gives zeros.
    Missing values give
      zeros too, or a feature of their own if there were some in fit.
    - The target becomes class ids (0, 1, ... in sorted order of the classes) or a standardised number.

    Columns are found by name: their order does not matter and columns that were not there in fit are ignored.
    An encoder is immutable, travels with the model in its file (`config`, `from_config`: float64 exact), and
    gives the same bits on every machine.

    Attributes
    ----------
    features : tuple of NumberFeature or CategoryFeature
        How each column is coded.
    target : ClassTarget, NumberTarget or None
        How the column to predict is coded.
    dtype : str
        Of the matrix: "float32" or "float64".

    Examples
    --------
    >>> table = {"age": [20, 40, None], "city": ["Rome", "Oslo", "Rome"], "buys": ["no", "yes", "no"]}
    >>> encoder = Encoder.fit(table, target="buys")
    >>> encoder.feature_names
    ('age', 'age (missing)', 'city=Oslo', 'city=Rome')
    >>> encoder.transform(table)
    array([[-1.,  0.,  0.,  1.],
           [ 1.,  0.,  1.,  0.],
           [ 0.,  1.,  0.,  1.]], dtype=float32)
    >>> encoder.transform_target(table["buys"])
    array([0, 1, 0])
    >>> encoder.task, encoder.class_names
    ('classification', ('no', 'yes'))
    >>> Encoder.from_config(encoder.config()) == encoder
    True
    """

    features: tuple[Feature, ...]
    target: Target | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype: wanted 'float32' or 'float64', got {short(self.dtype)}")
        if not self.features:
            raise ValueError("an encoder needs at least one column")
        seen: set[str] = set()
        for name in (*self.column_names, *([self.target_name] if self.target_name is not None else [])):
            if name in seen:
                raise ValueError(f"two columns are named {short(name)}")
            seen.add(name)

    @classmethod
    def fit(
        cls,
        table: Any,
        target: str | ArrayLike | None = None,
        task: Literal["auto", "classification", "regression"] = "auto",
        *,
        columns: Sequence[str] | None = None,
        categorical: Collection[str] = (),
        max_categories: int = 256,
        dtype: Literal["float32", "float64"] = "float32",
    ) -> Encoder:
        """Learn how to code a table.

        Parameters
        ----------
        table : pandas.DataFrame, dict of columns, structured array, or 2-D array
            The training rows. A 2-D array has columns x0, x1, ...
        target : str or (rows,) column, optional
            What to predict: the name of a column of `table` (then not a feature), or the values.
        task : "auto", "classification" or "regression"
            "auto" takes text, booleans and categoricals for classes, and numbers too if they are whole and
            have at most 20 distinct values; other numbers mean regression.
        columns : sequence of str, optional
            The columns to use as features, in this order. Default: all but the target.
        categorical : collection of str
            Columns of numbers that are codes (such as a postcode): one-hot like text.
        max_categories : int
            Most categories in one column. The default 256 catches columns of names and identifiers.
        dtype : "float32" or "float64"
            Of the matrix that `transform` gives.

        Returns
        -------
        Encoder

        Raises
        ------
        TypeError, ValueError
            One line that names the column: dates, mixed types, infinities, no value at all, too many
            categories, a missing target value, columns of different lengths, an unknown name.
        """
        if task not in _TASKS:
            raise ValueError(f"task: wanted one of {', '.join(_TASKS)}, got {short(task)}")
        check_count("max_categories", max_categories)
        raw = raw_columns(table)
        coded: Target | None = None
        rows = same_length(raw)
        if isinstance(target, str):
            _require(raw, [target])
            coded = fit_target(target, as_column(target, raw.pop(target)), task)
        elif target is not None:
            if same_length({"target": target}) != rows:
                raise ValueError(f"target: wanted the table's {rows} rows, got {len(target)}")  # type: ignore[arg-type]
            coded = fit_target(None, as_column("target", target), task)
        if isinstance(columns, str) or isinstance(categorical, str):
            raise TypeError("columns and categorical: wanted lists of names, got one text")
        names = list(raw) if columns is None else list(columns)
        _require(raw, [*names, *categorical])
        if rows == 0:
            raise ValueError("table has no rows")
        features: list[Feature] = []
        for name in names:
            check_text("the name of a column", name)
            column = as_column(name, raw[name])
            if column.kind == "text" or column.categorical or name in categorical:
                features.append(CategoryFeature.fit(name, column, max_categories))
            else:
                features.append(NumberFeature.fit(name, column))
        return cls(tuple(features), coded, dtype)

    def transform(self, table: Any) -> NDArray[Any]:
        """Code rows as a matrix.

        Parameters
        ----------
        table : pandas.DataFrame, dict of columns, structured array, or 2-D array
            Rows with the columns of fit, in any order; others are ignored. A 2-D array must have exactly the
            columns of fit, in their order.

        Returns
        -------
        (rows, num_features) C-contiguous array of `dtype`

        Raises
        ------
        TypeError, ValueError
            One line that names the column: it is not there, holds text for numbers, an infinity, or dates.
        """
        raw = self._select(table)
        matrix = np.empty((same_length(raw), self.num_features), self.dtype)
        start = 0
        for feature in self.features:
            width = len(feature.names)
            feature.encode(as_column(feature.name, raw[feature.name]), matrix[:, start : start + width])
            start += width
        return matrix

    def transform_target(self, column: Any) -> NDArray[Any]:
        """Code the target.

        Parameters
        ----------
        column : (rows,) column, or a table that has the target's column
            Labels or numbers, as in fit.

        Returns
        -------
        (rows,) int64 class ids, or standardised numbers of `dtype`

        Raises
        ------
        TypeError, ValueError
            For missing values, labels not seen in fit, or when the encoder has no target.
        """
        target = self._target()
        if is_table(column):
            if target.name is None:
                raise ValueError("the target was given to fit without a name; give its column, not a table")
            raw = raw_columns(column)
            _require(raw, [target.name])
            column = raw[target.name]
        values: Column = as_column(target.name or "target", column)
        check_target(target.name, values)
        return target.encode(values, np.dtype(self.dtype))

    def inverse_target(self, values: ArrayLike) -> NDArray[Any]:
        """What a model's answer means in the table.

        Parameters
        ----------
        values : integer array of class ids, or float array of standardised numbers, any shape

        Returns
        -------
        array of labels, or float64 array in the target's units, of the same shape

        Examples
        --------
        >>> encoder = Encoder.fit({"x": [0.0, 1.0]}, target=[10.0, 30.5])
        >>> encoder.inverse_target([[-1.0], [1.0]])
        array([[10. ],
               [30.5]])
        """
        return self._target().decode(np.asarray(values))

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the matrix's columns, such as "age", "age (missing)", "city=Oslo"."""
        return tuple(name for feature in self.features for name in feature.names)

    @property
    def num_features(self) -> int:
        """Columns of the matrix."""
        return len(self.feature_names)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the table's columns that are features, in the order of the matrix."""
        return tuple(feature.name for feature in self.features)

    @property
    def column_kinds(self) -> dict[str, str]:
        """How to read each feature's column from a file: "number" or "text" (see `read_table`)."""
        kinds = {"number": "number", "category": "text"}
        return {feature.name: kinds[feature.kind] for feature in self.features}

    @property
    def target_name(self) -> str | None:
        """Name of the target's column, if it has one."""
        return None if self.target is None else self.target.name

    @property
    def task(self) -> Literal["classification", "regression"] | None:
        """What the target asks for; None without a target."""
        return None if self.target is None else self.target.task

    @property
    def class_names(self) -> tuple[ClassName, ...] | None:
        """The classes in the order of their ids; None unless the task is classification."""
        return self.target.classes if isinstance(self.target, ClassTarget) else None

    def config(self) -> dict[str, Any]:
        """This encoder as a JSON object; Python's json keeps its float64 numbers exactly."""
        return {
            "version": VERSION,
            "dtype": self.dtype,
            "columns": [feature.config() for feature in self.features],
            "target": None if self.target is None else self.target.config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Encoder:
        """Encoder from what `config` gave.

        Raises
        ------
        sprat.errors.FormatError
            Whatever else is given: one line that names what is wrong.

        Examples
        --------
        >>> import json
        >>> encoder = Encoder.fit({"x": [0.1, 0.2, 0.4]})
        >>> Encoder.from_config(json.loads(json.dumps(encoder.config()))) == encoder
        True
        >>> Encoder.from_config({"version": 99})
        Traceback (most recent call last):
        sprat.errors.FormatError: encoder: version: wanted 1, got 99
        """
        if not isinstance(config, Mapping):
            raise FormatError(f"encoder: wanted a JSON object, got {type(config).__name__}")
        version = config.get("version")
        if version is True or version != VERSION:
            raise FormatError(f"encoder: version: wanted {VERSION}, got {short(version)}")
        _exact_keys("encoder", config, ("version", "dtype", "columns", "target"))
        columns = config["columns"]
        if not isinstance(columns, list):
            raise FormatError(f"encoder: columns: wanted a list, got {type(columns).__name__}")
        kinds = {"number": NumberFeature, "category": CategoryFeature}
        features = tuple(_build(f"encoder: column {i}", c, "kind", kinds) for i, c in enumerate(columns))
        tasks = {"classification": ClassTarget, "regression": NumberTarget}
        target = config["target"]
        coded = None if target is None else _build("encoder: target", target, "task", tasks)
        try:
            return cls(features, coded, config["dtype"])
        except ValueError as error:
            raise FormatError(f"encoder: {error}") from None

    def __repr__(self) -> str:
        target = "" if self.task is None else f", {self.task}"
        return f"Encoder({len(self.features)} columns -> {self.num_features} features{target})"

    def _select(self, table: Any) -> dict[str, Any]:
        """The columns of fit, by name."""
        if isinstance(table, np.ndarray) and table.dtype.names is None:
            if table.ndim != 2 or table.shape[1] != len(self.features):
                raise ValueError(f"table: wanted (rows, {len(self.features)}) as in fit, got shape {table.shape}")
            return {name: table[:, i] for i, name in enumerate(self.column_names)}
        raw = raw_columns(table)
        _require(raw, self.column_names)
        return {name: raw[name] for name in self.column_names}

    def _target(self) -> Target:
        if self.target is None:
            raise ValueError("this encoder was fitted without a target")
        return self.target


def _require(columns: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if name not in columns:
            raise ValueError(f"table has no column {name!r}; it has {_listed(list(columns))}")


def _listed(names: list[str]) -> str:
    text = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return text or "none"


def _exact_keys(where: str, config: Mapping[str, Any], wanted: Sequence[str]) -> None:
    for key in wanted:
        if key not in config:
            raise FormatError(f"{where}: {key!r} is missing")
    for key in config:
        if key not in wanted:
            raise FormatError(f"{where}: unknown field {short(key)}")


def _build(where: str, config: Any, tag: str, classes: Mapping[str, Any]) -> Any:
    """An object of the class that `tag` names, from its fields."""
    if not isinstance(config, Mapping):
        raise FormatError(f"{where}: wanted a JSON object, got {type(config).__name__}")
    name = config.get(tag)
    if not isinstance(name, str) or name not in classes:
        raise FormatError(f"{where}: {tag}: wanted one of {', '.join(classes)}, got {short(name)}")
    wanted = [field.name for field in fields(classes[name])]
    _exact_keys(where, config, [tag, *wanted])
    values = {key: config[key] for key in wanted}
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = tuple(value)
        elif key in ("mean", "scale") and type(value) is int:  # other JSON writers drop the ".0"
            values[key] = float(value) if abs(value) < 2**63 else value
    try:
        return classes[name](**values)
    except ValueError as error:
        raise FormatError(f"{where}: {error}") from None
