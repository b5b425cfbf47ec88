"""How a candidate learns: from what the original says, in rungs of which each is twice as long as the one before.

The lesson is distillation at temperature 1 (Hinton et al. 2015) from outputs that were computed once: a candidate is to
answer as the original does, so its own answers are the best lesson, and a teacher that has been patient helps most
(Beyer et al. 2022). Each rung goes on from the weights of the last one with a new fall of the rate (warm restarts,
Loshchilov & Hutter 2017). Neither depends on the clock: same data, same seed, same weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...nn import MLP
from ...training.data import epoch_order
from .budget import Budget, StopWithBudget

# Rows that the first rung visits: about a second of a network of 200,000 weights.
_FIRST_RUNG = 1 << 16
LAST_RUNG = 10
_RATES = (1e-3, 2e-3, 4e-3, 8e-3)


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs (rows, in_features) and coded targets of the model's dtype."""

    x: NDArray[Any]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(eq=False)
class Lesson:
    """What candidates are taught.

    Attributes
    ----------
    rows : Rows
        To train on.
    outputs : ndarray (rows, out_features)
        What the original says about them.
    loss : str
        Name of the loss the original was trained with.
    alpha : float
        The original's share of the lesson.
    seed : int
    lr : float
        Rate at the beginning of each rung.
    """

    rows: Rows
    outputs: NDArray[Any]
    loss: str
    seed: int
    alpha: float = 1.0
    lr: float = 1e-3

    @property
    def batch_size(self) -> int:
        """More rows make a step's cost per row smaller; few rows in all want many steps."""
        return 128 if len(self.rows) >= 8192 else 64 if len(self.rows) >= 2048 else 32

    def visits(self, rung: int) -> int:
        """Rows that a rung visits, those visited again counted again."""
        epochs, rows = self._length(rung)
        return epochs * rows

    def _length(self, rung: int) -> tuple[int, int]:
        """Epochs, and rows of each: a part of the rows while the whole would be more than the rung may visit."""
        wanted = _FIRST_RUNG << rung
        return max(1, round(wanted / len(self.rows))), min(len(self.rows), wanted)

    def teach(self, model: MLP, rung: int, budget: Budget, **more: Any) -> float | None:
        """Train in place; seconds, or None when the budget or Ctrl-C has broken it off."""
        from ...distillation import distill
        from ...optim import schedules

        epochs, count = self._length(rung)
        rows, outputs = self.rows, self.outputs
        if count < len(rows):
            chosen = np.sort(epoch_order(len(rows), self.seed, rung)[:count])
            rows, outputs = Rows(rows.x[chosen], rows.y[chosen]), outputs[chosen]
        steps = epochs * -(-count // self.batch_size)
        start = time.monotonic()
        history = distill(
            outputs,
            model,
            rows.x,
            rows.y,
            temperature=1.0,
            alpha=self.alpha,
            loss=self.loss,
            epochs=epochs,
            batch_size=self.batch_size,
            lr=schedules.Cosine(self.lr, steps=steps),
            seed=self.seed + rung,
            callbacks=[StopWithBudget(budget)],
            progress=False,
            on_nonfinite="stop",
            **more,
        )
        if history.stopped_by in ("interrupt", "budget"):
            return None
        return time.monotonic() - start


def best_rate(lesson: Lesson, model: MLP, judge: Any, budget: Budget) -> tuple[float, dict[float, float]]:
    """The rate after whose first rung an untrained copy of ``model`` has the best ``judge(model)``; and all of them."""
    found: dict[float, float] = {}
    for rate in _RATES:
        lesson.lr, trial = rate, model.copy()
        if lesson.teach(trial, 0, budget) is None:
            break
        found[rate] = judge(trial)
        if found[rate] < max(found.values()):
            break  # past the top
    best = max(found, key=lambda rate: found[rate]) if found else 1e-3
    lesson.lr = best
    return best, found
