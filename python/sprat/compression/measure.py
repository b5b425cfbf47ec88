"""How large and how fast models are, measured as a user of ``sprat.Predictor`` meets them.

Speeds are taken in turns (:mod:`sprat.packing.clock`), so that a machine that slows down for a moment slows all models
down alike.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..inference import Predictor
from ..nn import MLP, Model
from ..packing.clock import seconds_in_turns

_BATCH_ROWS = 4096
# Different rows that the one-row clock calls with, one after the other.
_SINGLES = 64


@dataclass(frozen=True)
class Speed:
    """Time of calls with ``out=``, after warm-up, through Python.

    Attributes
    ----------
    microseconds : float
        One row, from call to return.
    rows_per_second : float
        In large batches, with the threads of :func:`sprat.runtime.num_threads`.
    microseconds_p99 : float
        One row: 99 of 100 calls take no longer, each with its own look at the clock (whose cost is taken off).

    >>> from sprat.compression import Speed
    >>> Speed(microseconds=2.0, rows_per_second=1e6).microseconds
    2.0
    """

    microseconds: float
    rows_per_second: float
    microseconds_p99: float = math.nan


@dataclass(frozen=True)
class Size:
    """Weights and biases of a model, how many are not zero, and the bytes of its arrays.

    >>> import sprat
    >>> model = sprat.nn.MLP([4, 2], seed=0)
    >>> _ = sprat.prune.magnitude(model, 0.5)
    >>> Size.of(model)
    Size(parameters=10, nonzero=4, bytes=40)
    """

    parameters: int
    nonzero: int
    bytes: int

    @classmethod
    def of(cls, model: Any) -> Size:
        if isinstance(model, MLP):
            parameters = model.parameters().values()
            return cls(model.num_parameters, sum(map(_nonzero, parameters)), sum(array.nbytes for array in parameters))
        nonzero = sum(_nonzero(layer.weight) + _nonzero(layer.bias) for layer in model.layers)
        return cls(model.num_parameters, nonzero, model.nbytes)

    def config(self) -> dict[str, int]:
        """The numbers, for JSON."""
        return asdict(self)


def _nonzero(array: Any) -> int:
    return 0 if array is None else int(np.count_nonzero(array))


def speeds(models: Sequence[Model], x: Any, *, seconds: float = 0.25) -> list[Speed]:
    """Measure the speed of models on the same rows.

    Parameters
    ----------
    models : sequence of nn.Model
        With the same ``in_features``.
    x : (rows, in_features) array
        Rows to predict; repeated to make up large batches.
    seconds : float
        About how long to measure each model, half of it one row at a time.

    Returns
    -------
    list of Speed

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.compression import speeds
    >>> small, large = speeds([sprat.nn.MLP([8, 4]), sprat.nn.MLP([8, 4096, 4])], np.ones((4, 8)), seconds=0.02)
    >>> small.microseconds < large.microseconds
    True
    """
    rows = np.ascontiguousarray(x)
    if rows.ndim != 2 or len(rows) == 0:
        raise ValueError(f"x: wanted (rows, in_features) with at least one row, got shape {rows.shape}")
    clocks = [_Clock(Predictor(model), rows) for model in models]
    one = seconds_in_turns([clock.one_row for clock in clocks], seconds / 2)
    many = seconds_in_turns([clock.batch for clock in clocks], seconds / 2)
    tails = [clock.tail(seconds / 8) for clock in clocks]
    return [
        Speed(1e6 * a / _SINGLES, clock.rows / b, 1e6 * max(tail, a / _SINGLES))
        for a, b, tail, clock in zip(one, many, tails, clocks, strict=True)
    ]


def one_row_seconds(models: Sequence[Model], x: Any, *, seconds: float = 0.05) -> list[float]:
    """The median time of a call with one row and ``out=``; about ``seconds`` are spent on each model.

    >>> import numpy as np, sprat
    >>> small, large = one_row_seconds([sprat.nn.MLP([8, 4]), sprat.nn.MLP([8, 4096, 4])], np.ones((4, 8)))
    >>> small < large
    True
    """
    clocks = [_Clock(Predictor(model), np.ascontiguousarray(x), _SINGLES) for model in models]
    return [taken / _SINGLES for taken in seconds_in_turns([clock.one_row for clock in clocks], seconds)]


class _Clock:
    """One model with its rows and its place for outputs, ready to be called."""

    def __init__(self, predict: Predictor, x: Any, rows: int = _BATCH_ROWS) -> None:
        self.predict = predict
        large = np.resize(x[:rows], (rows, x.shape[1]))
        self.large = np.ascontiguousarray(large, predict.dtype)
        self.rows = len(self.large)
        self.large_out = np.empty((self.rows, predict.out_features), predict.dtype)
        self.singles = [self.large[i % self.rows : i % self.rows + 1] for i in range(_SINGLES)]
        self.single_out = np.empty((1, predict.out_features), predict.dtype)

    def one_row(self) -> None:
        """Each of the rows, one at a time."""
        predict, out = self.predict, self.single_out
        for row in self.singles:
            predict(row, out=out)

    def batch(self) -> None:
        """All rows at once."""
        self.predict(self.large, out=self.large_out)

    def tail(self, seconds: float) -> float:
        """The 99th percentile of single calls."""
        predict, out, clock = self.predict, self.single_out, time.perf_counter
        taken: list[float] = []
        idle: list[float] = []
        deadline = clock() + seconds
        while len(taken) < 200 or clock() < deadline:
            for row in self.singles:
                start = clock()
                predict(row, out=out)
                end = clock()
                taken.append(end - start)
                idle.append(clock() - end)
        return statistics.quantiles(taken, n=100)[98] - statistics.median(idle)


__all__ = ["Size", "Speed", "one_row_seconds", "speeds"]
