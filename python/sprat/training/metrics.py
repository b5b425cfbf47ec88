"""How good predictions are: small functions of targets and predictions, each with optional sample weights.

Everything is computed in float64. ``weight`` is (rows,), finite and not negative; the mean over rows divides by its
sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def _weights(rows: int, weight: Any) -> Array:
    if rows == 0:
        raise ValueError("metrics of zero rows are not defined")
    if weight is None:
        return np.ones(rows)
    w: Array = np.asarray(weight, dtype=np.float64)
    if w.shape != (rows,):
        raise ValueError(f"weight: wanted shape ({rows},), got {w.shape}")
    if not np.all(np.isfinite(w)) or w.min() < 0 or w.sum() == 0:
        raise ValueError("weight: wanted finite numbers >= 0 that are not all zero")
    return w


def _pair(target: Any, prediction: Any) -> tuple[Array, Array]:
    a: Array = np.asarray(target)
    b: Array = np.asarray(prediction)
    if a.shape != b.shape:
        raise ValueError(f"prediction: wanted shape {a.shape} as the target has, got {b.shape}")
    return a, b


def accuracy(target: Any, prediction: Any, weight: Any = None) -> float:
    """Share of rows whose class is right.

    Parameters
    ----------
    target, prediction : array of (rows,)
        Class ids or names.
    weight : array of (rows,), optional

    Examples
    --------
    >>> accuracy([0, 1, 1, 0], [0, 1, 0, 0])
    0.75
    """
    a, b = _pair(target, prediction)
    return float(np.average(a == b, weights=_weights(len(a), weight)))


def confusion_matrix(target: Any, prediction: Any, classes: int | None = None, weight: Any = None) -> Array:
    """Rows (or weight) counted by class: row = target, column = prediction.

    Parameters
    ----------
    target, prediction : integer array of (rows,)
    classes : int, optional
        Default: the largest id + 1.

    Returns
    -------
    (classes, classes) array, int64 without weights, float64 with.

    Examples
    --------
    >>> confusion_matrix([0, 1, 1, 0], [0, 1, 0, 0])
    array([[2, 0],
           [1, 1]])
    """
    a, b = _pair(target, prediction)
    if a.dtype.kind not in "iub" or b.dtype.kind not in "iub":
        raise TypeError(f"confusion_matrix: wanted integer classes, got {a.dtype} and {b.dtype}")
    a, b = a.astype(np.int64), b.astype(np.int64)
    highest = int(max(a.max(initial=-1), b.max(initial=-1))) + 1
    size = highest if classes is None else classes
    if min(a.min(initial=0), b.min(initial=0)) < 0 or highest > size:
        raise ValueError(f"confusion_matrix: wanted classes from 0 to {size - 1}")
    counts = np.bincount(a * size + b, weights=None if weight is None else _weights(len(a), weight), minlength=size**2)
    return counts.reshape(size, size)


def mae(target: Any, prediction: Any, weight: Any = None) -> float:
    """Mean absolute error over rows and columns.

    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    a, b = _numbers(target, prediction)
    return float(np.average(np.abs(a - b).mean(axis=1), weights=_weights(len(a), weight)))


def rmse(target: Any, prediction: Any, weight: Any = None) -> float:
    """Root of the mean squared error over rows and columns.

    >>> rmse([1.0, 2.0], [3.0, 4.0])
    2.0
    """
    a, b = _numbers(target, prediction)
    return float(np.sqrt(np.average(((a - b) ** 2).mean(axis=1), weights=_weights(len(a), weight))))


def r2(target: Any, prediction: Any, weight: Any = None) -> float:
    """Share of variance explained, 1 - sum (t - p)^2 / sum (t - mean t)^2, the mean over columns of the target.

    A column that does not vary counts 1 when it is predicted exactly, else 0 (as in scikit-learn).

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    a, b = _numbers(target, prediction)
    w = _weights(len(a), weight)
    residual = w @ (a - b) ** 2
    spread = w @ (a - w @ a / w.sum()) ** 2
    explained = np.where(spread > 0, 1 - residual / np.where(spread > 0, spread, 1), np.where(residual > 0, 0.0, 1.0))
    return float(explained.mean())


def brier(target: Any, probability: Any, weight: Any = None) -> float:
    """Brier score: mean over rows of sum_k (probability_k - [target = k])^2 (Brier 1950, all classes counted).

    Parameters
    ----------
    target : integer array of (rows,)
    probability : array of (rows, classes), or (rows,) with the probability of class 1 (then the usual one-sided score)

    Examples
    --------
    >>> brier([1, 0], [0.5, 0.0])
    0.125
    """
    ids, p = _probabilities(target, probability)
    if p.ndim == 1:
        return float(np.average((p - ids) ** 2, weights=_weights(len(p), weight)))
    error = p.copy()
    error[np.arange(len(p)), ids] -= 1
    return float(np.average((error**2).sum(axis=1), weights=_weights(len(p), weight)))


def log_loss(target: Any, probability: Any, weight: Any = None) -> float:
    """Mean of -log(probability of the right class); a probability of 0 counts as the smallest float64 step, 2.2e-16.

    >>> round(log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    """
    ids, p = _probabilities(target, probability)
    right = np.where(ids == 1, p, 1 - p) if p.ndim == 1 else p[np.arange(len(p)), ids]
    return float(np.average(-np.log(np.maximum(right, np.finfo(np.float64).eps)), weights=_weights(len(p), weight)))


def _numbers(target: Any, prediction: Any) -> tuple[Array, Array]:
    a, b = _pair(target, prediction)
    rows = len(a)
    return a.astype(np.float64).reshape(rows, -1), b.astype(np.float64).reshape(rows, -1)


def _probabilities(target: Any, probability: Any) -> tuple[Array, Array]:
    ids: Array = np.asarray(target)
    p: Array = np.asarray(probability, dtype=np.float64)
    if ids.dtype.kind not in "iub":
        raise TypeError(f"target: wanted integer classes, got {ids.dtype}")
    if ids.ndim != 1 or p.ndim not in (1, 2) or len(p) != len(ids):
        raise ValueError(f"probability: wanted ({ids.size},) or ({ids.size}, classes), got {p.shape}")
    ids = ids.astype(np.int64)
    classes = 2 if p.ndim == 1 else p.shape[1]
    if ids.size and (ids.min() < 0 or ids.max() >= classes):
        raise ValueError(f"target: wanted classes from 0 to {classes - 1}, got {ids.min()} to {ids.max()}")
    return ids, p
