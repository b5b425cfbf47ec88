"""How good a model is, how sure that is, and whether it is worse than another one on the same rows.

A score is a mean over rows, or close to one. Row i moves it by its influence u_i (for accuracy: right_i - accuracy; for
R², with error e and target t: -(e_i² - (1 - R²)(t_i - mean)²) / variance), so its standard error is sd(u) / sqrt(n):
the delta method. Two models on the same rows are compared by the difference of their influences, which leaves out what
is hard or easy for both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_Z = 1.959963984540054  # of a two-sided interval of 95 %
# Beyond this many disagreements the exact test costs time and the normal one says the same.
_EXACT = 10_000


@dataclass(frozen=True, eq=False)
class Score:
    """A model's score on rows.

    Attributes
    ----------
    name : "accuracy" or "r2"
    value : float
    influence : float64 ndarray (rows,)
        How far each row moves the score.
    right : float64 ndarray (rows,), or None
        For accuracy: what is right of each row, 0 to 1.

    Examples
    --------
    >>> score = Score.accuracy(np.array([1.0, 1.0, 0.0, 1.0]))
    >>> score.value, [round(end, 2) for end in score.interval]
    (0.75, [0.3, 0.95])
    """

    name: str
    value: float
    influence: Floats
    right: Floats | None = None

    @classmethod
    def accuracy(cls, right: Floats) -> Score:
        """From what is right of each row, 0 to 1."""
        value = float(right.mean())
        return cls("accuracy", value, right - value, right)

    @classmethod
    def r2(cls, output: Floats, target: Floats) -> Score:
        """Coefficient of determination, the mean over the columns of (rows, columns) arrays."""
        centred = (target - target.mean(axis=0)) ** 2
        variance = np.where(centred.mean(axis=0) > 0, centred.mean(axis=0), 1.0)
        errors = (output - target) ** 2
        unexplained = errors.mean(axis=0) / variance
        influence = -((errors - unexplained * centred) / variance).mean(axis=1)
        return cls("r2", float((1 - unexplained).mean()), influence)

    @property
    def interval(self) -> tuple[float, float]:
        """95 %: Wilson's for accuracy (never outside of 0 to 1), normal for R²."""
        n = len(self.influence)
        if self.name != "accuracy":
            half = _Z * float(self.influence.std()) / math.sqrt(n)
            return self.value - half, self.value + half
        p, z2 = self.value, _Z * _Z
        centre, half = p + z2 / (2 * n), _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)


@dataclass(frozen=True)
class Comparison:
    """A model against the original on the same rows.

    Attributes
    ----------
    loss : float
        Original's score less the model's.
    standard_error : float
        Of the loss.
    interval : (float, float)
        95 %, of the loss.
    p_value : float
        Two-sided, of "the two are equally good": McNemar's test with mid-p for right and wrong (Fagerland et al. 2013),
        else a normal test of the paired difference.
    test : str
        Which of the two.
    better, worse : int
        Rows that the model alone has right, and the original alone; for regression, rows with the smaller and the
        larger error count nothing: both 0.

    >>> Comparison.same(100).p_value
    1.0
    >>> original = Score.accuracy(np.array([1.0] * 90 + [0.0] * 10))
    >>> model = Score.accuracy(np.array([1.0] * 84 + [0.0] * 6 + [1.0] + [0.0] * 9))
    >>> compare(original, model).worse, round(compare(original, model).p_value, 3)
    (6, 0.07)
    """

    loss: float
    standard_error: float
    interval: tuple[float, float]
    p_value: float
    test: str
    better: int = 0
    worse: int = 0

    @classmethod
    def same(cls, rows: int) -> Comparison:
        """Of a model with itself on this many rows."""
        return compare(*[Score.accuracy(np.ones(rows))] * 2)

    def config(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "loss": self.loss,
            "standard_error": self.standard_error,
            "interval": list(self.interval),
            "p_value": self.p_value,
            "test": self.test,
            "better_rows": self.better,
            "worse_rows": self.worse,
        }


def compare(original: Score, model: Score) -> Comparison:
    """Compare a model's score with the original's on the same rows."""
    n = len(original.influence)
    difference = original.influence - model.influence
    loss = original.value - model.value
    error = float(difference.std()) / math.sqrt(n)
    if original.right is not None and model.right is not None and _whole(original.right) and _whole(model.right):
        worse = int(np.count_nonzero(original.right > model.right))
        better = int(np.count_nonzero(original.right < model.right))
        interval = _bonett_price(worse, better, n)
        return Comparison(loss, error, interval, mcnemar(worse, better), "McNemar mid-p", better, worse)
    interval = (loss - _Z * error, loss + _Z * error)
    p = 1.0 if error == 0 else math.erfc(abs(loss) / error / math.sqrt(2))
    return Comparison(loss, error, interval, p, "paired normal")


def mcnemar(worse: int, better: int) -> float:
    """Two-sided mid-p value of ``worse`` against ``better`` rows that only one of two models has right.

    Given their sum n, the smaller count k is binomial (n, 1/2) when both models are equally good:
    p = 2 P(X < k) + P(X = k).

    >>> mcnemar(0, 0), mcnemar(5, 0)
    (1.0, 0.03125)
    """
    n, k = worse + better, min(worse, better)
    if n == 0 or worse == better:
        return 1.0
    if n > _EXACT:
        return math.erfc(abs(worse - better) / math.sqrt(2 * n))
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    terms = [math.exp(value) for value in logs]
    return min(1.0, round(2 * math.fsum(terms[:-1]) + terms[-1], 15))


def _bonett_price(worse: int, better: int, n: int) -> tuple[float, float]:
    """Interval of the difference of two paired shares: Wald's with one row added to each kind (Bonett & Price 2012)."""
    p, q = (worse + 1) / (n + 2), (better + 1) / (n + 2)
    half = _Z * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)


def _whole(right: Floats) -> bool:
    return bool(np.isin(right, (0, 1)).all())


def score(model: Any, x: NDArray[Any], y: NDArray[Any], batch_rows: int = 4096) -> Score:
    """The score of a model on coded rows: accuracy by its loss's name for classes, else R²."""
    parts = [model(x[i : i + batch_rows]) for i in range(0, len(x), batch_rows)]
    return score_outputs(np.concatenate(parts), y, model.loss_name)


def score_outputs(output: NDArray[Any], y: NDArray[Any], loss_name: str | None) -> Score:
    """The score of raw outputs (rows, columns) against coded targets, counted as ``sprat.evaluate`` counts."""
    if loss_name == "bce_with_logits":
        hits = (output > 0) == (y.reshape(len(y), -1) > 0.5)
        return Score.accuracy(hits.mean(axis=1))
    if loss_name == "cross_entropy":
        target = y if y.ndim == 1 else y.argmax(axis=1)
        return Score.accuracy((output.argmax(axis=1) == target).astype(np.float64))
    return Score.r2(output.astype(np.float64), y.reshape(len(y), -1).astype(np.float64))
