"""Loss and scores of a model over batches, in one pass and without keeping the outputs.

Sums run over rows in order (each addition written, no library reduction), so the numbers are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .._device import call_from_host
from .data import Batch
from .rows import Array
from .targets import Targets


def ordered_sum(values: Array) -> Array:
    """Sum over the first axis, strictly in order, in float64.

    >>> ordered_sum(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    if len(values) == 0:
        return np.zeros(values.shape[1:])
    total: Array = np.add.accumulate(values, axis=0, dtype=np.float64)[-1]
    return total


def row_shares(loss: Any, y: Array, weight: Array | None) -> Array | None:
    """What each row counts in the mean loss, float64 (rows,): u_i, and for class ids with class weights u_i
    class_weight[y_i]. None: 1 each.

    >>> row_shares(None, np.zeros(2), np.array([1, 2], "float32"))
    array([1., 2.])
    """
    class_weight = getattr(loss, "class_weight", None)
    if class_weight is not None and y.ndim == 1:
        shares: Array = np.asarray(class_weight, dtype=np.float64)[y]
        return shares if weight is None else shares * weight
    return None if weight is None else weight.astype(np.float64)


def batch_weight(loss: Any, y: Array, weight: Array | None) -> float:
    """What the mean loss of a batch was divided by, so that means of batches can be averaged: the sum of its rows'
    shares, rounded once."""
    shares = row_shares(loss, y, weight)
    return float(len(y)) if shares is None else math.fsum(shares.tolist())


class _Accuracy:
    """Share of right classes; (rows, 1) outputs are right above 0 for 1, several with "bce_with_logits" each alone."""

    def __init__(self, targets: Targets) -> None:
        self._separate = targets.loss_name == "bce_with_logits"
        self._right, self._total = 0.0, 0.0

    def add(self, output: Array, y: Array, weight: Array | None) -> None:
        if self._separate or output.shape[1] == 1:
            right = ((output > 0) == (y.reshape(len(y), -1) > 0.5)).mean(axis=1)
        else:
            right = output.argmax(axis=1) == (y if y.ndim == 1 else y.argmax(axis=1))
        shares = right.astype(np.float64)
        self._right += float(ordered_sum(shares if weight is None else shares * weight))
        self._total += float(len(y)) if weight is None else float(ordered_sum(weight))

    def result(self) -> dict[str, float]:
        return {"accuracy": self._right / self._total if self._total else math.nan}


class _Regression:
    """r2, rmse, mae in the target's own units; mean and spread by Chan's pairwise update."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder if encoder is not None and encoder.task == "regression" else None
        self._total = 0.0
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._squares: Any = 0.0
        self._absolute: Any = 0.0

    def add(self, output: Array, y: Array, weight: Array | None) -> None:
        p, t = output.astype(np.float64), y.reshape(len(y), -1).astype(np.float64)
        if self._encoder is not None:
            p, t = self._encoder.inverse_target(p), self._encoder.inverse_target(t)
        w = np.ones((len(t), 1)) if weight is None else weight.astype(np.float64)[:, None]
        total = float(ordered_sum(w)[0])
        if total == 0:
            return
        mean = ordered_sum(w * t) / total
        shift = mean - self._mean
        joint = self._total + total
        self._spread = self._spread + ordered_sum(w * (t - mean) ** 2) + shift**2 * (self._total * total / joint)
        self._mean = self._mean + shift * (total / joint)
        self._total = joint
        self._squares = self._squares + ordered_sum(w * (p - t) ** 2)
        self._absolute = self._absolute + ordered_sum(w * np.abs(p - t))

    def result(self) -> dict[str, float]:
        if not self._total:
            return {"r2": math.nan, "rmse": math.nan, "mae": math.nan}
        varies = self._spread > 0
        explained = np.where(varies, 1 - self._squares / np.where(varies, self._spread, 1), self._squares == 0)
        rmse = math.sqrt(float(self._squares.mean()) / self._total)
        return {"r2": float(explained.mean()), "rmse": rmse, "mae": float(self._absolute.mean()) / self._total}


def score(model: Any, batches: Iterable[Batch], targets: Targets) -> dict[str, float]:
    """``loss`` and ``accuracy``, or ``loss``, ``r2``, ``rmse`` and ``mae``, over all batches."""
    loss_sum, loss_weight = 0.0, 0.0
    scorer: _Accuracy | _Regression | None = None
    for x, y, weight in batches:
        output = call_from_host(model, x)
        share = batch_weight(targets.loss, y, weight)
        if share > 0:
            loss_sum += float(targets.loss(output, y, weight)[0]) * share
            loss_weight += share
        if scorer is None and (targets.classification or y.reshape(len(y), -1).shape == output.shape):
            scorer = _Accuracy(targets) if targets.classification else _Regression(model.encoder)
        if scorer is not None:
            scorer.add(output, y, weight)
    result = {"loss": loss_sum / loss_weight if loss_weight else math.nan}
    return result if scorer is None else {**result, **scorer.result()}
