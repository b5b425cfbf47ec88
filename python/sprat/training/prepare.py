"""From what the user hands to ``fit`` or ``evaluate`` to sources of batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check, _device
from .data import ArrayData, Batch, Data, IteratorData
from .rows import Array, Rows
from .targets import Targets, resolve
from .weighting import check_weights


@dataclass
class Arrays:
    """Inputs, targets and weights of known length."""

    x: Any
    y: Any
    weight: Array | None

    def __len__(self) -> int:
        return len(self.x)


def is_table(x: Any) -> bool:
    """Whether x has named columns: a data frame, a dict, or a structured array."""
    if isinstance(x, np.ndarray):
        return x.dtype.names is not None
    return isinstance(x, Mapping) or (hasattr(x, "columns") and hasattr(x, "iloc"))


def is_batches(x: Any) -> bool:
    """Whether x gives batches: a callable or an iterable that is no array, table or list."""
    if isinstance(x, (np.ndarray, list, tuple)) or is_table(x) or hasattr(x, "__array__"):
        return False
    return callable(x) or hasattr(x, "__iter__")


def matrix(x: Any, columns: int, what: str = "x") -> Array:
    """(rows, columns) numbers; a memory map stays one."""
    _check.refuse_masked(what, x)
    try:
        array: Array = x if isinstance(x, np.ndarray) else np.asarray(x)
    except ValueError:
        raise ValueError(f"{what}: wanted a (rows, {columns}) array, got rows of different lengths") from None
    if array.dtype.kind not in "iubf":
        raise TypeError(f"{what}: wanted numbers, got {array.dtype}")
    if array.ndim == 1 and columns == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"{what}: wanted shape (rows, {columns}), got {array.shape}")
    if len(array) == 0:
        raise ValueError(f"{what}: wanted at least one row, got none")
    return array


def fit_encoder(model: Any, table: Any, y: Any, loss: Any) -> Any:
    """The model's encoder, or one learnt from the table that is about to train it."""
    if model.encoder is not None:
        return model.encoder
    from .. import nn
    from ..tabular import Encoder

    name = None if loss is None else getattr(nn.losses.get(loss), "name", None)
    tasks = {"cross_entropy": "classification", "bce_with_logits": "classification"}
    task: Any = tasks.get(str(name), "auto" if name is None else "regression")
    dtype = str(model.dtype)
    encoder = Encoder.fit(table, target=y, task=task, dtype=dtype)  # type: ignore[arg-type]
    names = encoder.class_names
    if task == "auto" and model.out_features == 1 and names and len(names) > 2 and not isinstance(names[0], str):
        encoder = Encoder.fit(table, target=y, task="regression", dtype=dtype)  # type: ignore[arg-type]
    if encoder.num_features != model.in_features:
        raise ValueError(
            f"x: the table gives {encoder.num_features} features, the model has in_features={model.in_features}; "
            "see sprat.tabular.Encoder.fit(table).num_features"
        )
    return encoder


def from_table(encoder: Any, table: Any, y: Any) -> tuple[Array, Any]:
    """A table as (matrix, coded targets); y may be None or a column's name when the table holds the target."""
    target = table if y is None or isinstance(y, str) else y
    if encoder.target is None:
        if y is None or isinstance(y, str):
            raise ValueError("y: the model's encoder knows no target; pass the values")
        return encoder.transform(table), y
    return encoder.transform(table), encoder.transform_target(target)


class Preparation:
    """Reads training data, then validation data in the same way."""

    def __init__(self, model: Any, loss: Any, batch_size: int) -> None:
        self.model = model
        self.batch_size = batch_size
        self.encoder = model.encoder
        self.targets: Targets | None = None
        self._loss = loss
        self._dtype = np.dtype(model.dtype)

    def arrays(self, x: Any, y: Any, weight: Any, what: str = "x") -> Arrays:
        """Check inputs, targets and weights; the first call decides encoder and loss."""
        _device.want_host(x=x, y=y, sample_weight=weight)
        if is_table(x):
            if self.encoder is None:
                self.encoder = fit_encoder(self.model, x, y, self._loss)
            x, y = from_table(self.encoder, x, y)
        elif y is None:
            raise ValueError("y: wanted targets; only an iterator of batches or a table brings its own")
        inputs = matrix(x, self.model.in_features, what)
        if self.targets is None:
            self._resolve(y)
        checked = check_weights(weight, len(inputs), self._dtype)
        return Arrays(inputs, y, checked)

    def _resolve(self, y: Any) -> None:
        names = self.encoder.class_names if self.encoder is not None else getattr(self.model, "class_names", None)
        self.targets = resolve(y, self._loss, self.model.out_features, self._dtype, names)

    def source(self, arrays: Arrays, *, rows: Array | None = None, seed: int | None = None, what: str = "y") -> Data:
        """Batches of checked arrays; shuffled when there is a seed."""
        assert self.targets is not None
        weight = None if arrays.weight is None else Rows(arrays.weight, self._dtype)
        y = self.targets.rows(arrays.y, len(arrays), what)
        x = Rows(arrays.x, self._dtype)
        return ArrayData(x, y, weight, batch_size=self.batch_size, rows=rows, seed=seed)

    def batches(self, x: Any) -> Data:
        """Batches of the user's own."""
        return IteratorData(x, self._convert)

    def peek(self, x: Any) -> None:
        """Decide encoder and loss from the first batch of an iterable that can be iterated again."""
        first = next(iter(x() if callable(x) else x), None)
        if not isinstance(first, (tuple, list)) or len(first) not in (2, 3):
            raise TypeError("x: wanted an iterator of (x, y) or (x, y, sample_weight) batches")
        self.arrays(first[0], first[1], None)

    def _convert(self, x: Any, y: Any, weight: Any) -> Batch:
        arrays = self.arrays(x, y, weight)
        assert self.targets is not None
        rows = np.arange(len(arrays))
        parts = []
        for source in (Rows(arrays.x, self._dtype), self.targets.rows(arrays.y, len(arrays))):
            buffer = source.buffer(len(rows))
            source.gather(rows, buffer)
            parts.append(buffer)
        return parts[0], parts[1], arrays.weight
