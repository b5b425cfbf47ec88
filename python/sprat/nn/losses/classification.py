"""Losses of classifiers: cross-entropy over classes, and of independent yes-or-no columns."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._check import check_number
from ._arguments import weight_array, weight_tuple
from ._base import Loss

__all__ = ["BCEWithLogits", "CrossEntropy"]


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of logits, with the softmax inside: torch.nn.CrossEntropyLoss.

    Parameters
    ----------
    label_smoothing : float
        In [0, 1): the part of the target that is spread evenly over all classes (Szegedy et al. 2016). 0 by default.
    class_weight : sequence of float, optional
        One weight of at least 0 for each class; by default all are 1. Weights of class ids also enter the denominator.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> value, grad = losses.CrossEntropy()([[0.0, 0.0]], [1])
    >>> round(value, 6), grad
    (0.693147, array([[ 0.5, -0.5]]))
    """

    name: ClassVar[str] = "cross_entropy"
    label_smoothing: float = 0.0
    class_weight: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        smoothing = check_number("label_smoothing", self.label_smoothing, 0, 1, open_high=True)
        self._store(label_smoothing=smoothing, class_weight=weight_tuple("class_weight", self.class_weight))

    def native_options(self, dtype: Any) -> dict[str, Any]:
        weight = weight_array(self.class_weight, np.dtype(dtype))
        return {"loss": self.name, "label_smoothing": self.label_smoothing, "class_weight": weight}

    def native_target(self, target: ArrayLike, rows: int, columns: int, dtype: Any) -> NDArray[Any]:
        """(rows,) int64 class ids, or (rows, columns) shares of `dtype`."""
        t = np.asarray(target)
        if t.dtype.kind in "iub" and t.shape in ((rows,), (rows, 1)):
            return np.require(t.reshape(rows), np.int64, ["C", "ALIGNED"])
        if t.dtype.kind not in "iubf" or t.shape != (rows, columns):
            raise ValueError(
                f"target: cross_entropy wants ({rows},) integer class ids or ({rows}, {columns}) shares, "
                f"got {t.dtype} of shape {t.shape}"
            )
        return np.require(t, dtype, ["C", "ALIGNED"])


@dataclass(frozen=True)
class BCEWithLogits(Loss):
    """Binary cross-entropy of logits, each column on its own: torch.nn.BCEWithLogitsLoss.

    Parameters
    ----------
    pos_weight : sequence of float, optional
        One weight of at least 0 for each column, on the positive part of the loss; a number serves one column. By
        default 1. It does not enter the denominator.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> value, grad = losses.BCEWithLogits()([[0.0]], [1])
    >>> round(value, 6), grad
    (0.693147, array([[-0.5]]))
    """

    name: ClassVar[str] = "bce_with_logits"
    pos_weight: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        given: Any = self.pos_weight
        self._store(pos_weight=weight_tuple("pos_weight", [float(given)] if isinstance(given, Real) else given))

    def native_options(self, dtype: Any) -> dict[str, Any]:
        return {"loss": self.name, "pos_weight": weight_array(self.pos_weight, np.dtype(dtype))}
