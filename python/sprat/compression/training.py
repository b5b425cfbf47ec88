"""What the stages of a compression learn from, and how they train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..nn import MLP


@dataclass(frozen=True)
class TrainingData:
    """What stages learn from.

    Parameters
    ----------
    x : array (rows, in_features)
    y : array (rows,) of class ids, or of float targets as the model gives them

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.compression import TrainingData
    >>> TrainingData(np.eye(2), np.array([0, 1])).y
    array([0, 1])
    """

    x: Any
    y: Any


@dataclass(frozen=True)
class Training:
    """How a stage trains: Adam, with the rate falling from ``lr`` to 0 along half a cosine.

    Parameters
    ----------
    epochs : int
        0 does not train at all.
    lr : float
        Rate of the first step. 1e-3 is Adam's default.
    batch_size : int
    seed : int
        Order of the rows and dropout.
    progress : "auto" or bool
        As for :func:`sprat.fit`.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.compression import Training, TrainingData
    >>> x = np.eye(4, dtype=np.float32)
    >>> model = sprat.nn.MLP([4, 2], seed=0)
    >>> Training(epochs=2, batch_size=2).fit(model, TrainingData(x, np.array([0, 1, 0, 1]))).steps
    4
    """

    epochs: int = 5
    lr: float = 1e-3
    batch_size: int = 64
    seed: int = 0
    progress: bool | str = False

    def options(self, rows: int) -> dict[str, Any]:
        """Keyword arguments for :func:`sprat.fit` and :func:`sprat.distill`."""
        from ..optim import schedules

        steps = self.epochs * -(-rows // self.batch_size)
        return {
            "epochs": self.epochs,
            "lr": schedules.Cosine(self.lr, steps=steps),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "progress": self.progress,
        }

    def fit(self, model: MLP, data: TrainingData, **more: Any) -> Any:
        """Train ``model`` in place, with ``more`` for :func:`sprat.fit`; gives the history, or None for 0 epochs."""
        from ..training import fit

        if self.epochs == 0:
            return None
        loss = model.loss_name
        return finished(fit(model, data.x, data.y, loss=loss, **self.options(len(data.x)), **more))


def finished(history: Any) -> Any:
    """Ctrl-C ends the whole run: a stage that was broken off is no result."""
    if history.stopped_by == "interrupt":
        raise KeyboardInterrupt
    return history


__all__ = ["Training", "TrainingData"]
