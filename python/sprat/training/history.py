"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import math
from typing import Any


class History(dict[str, list[float]]):
    """A dict of lists, one number per whole epoch; what ``fit`` returns.

    Keys: ``loss`` (mean over the epoch's batches, each at the weights it was computed with), ``lr`` (at the epoch's
    last step) and, with validation data, ``val_loss`` and ``val_accuracy`` or ``val_r2`` and ``val_rmse``.

    Attributes
    ----------
    epochs : int
        Whole epochs.
    steps : int
        Updates of the weights, those of a broken-off epoch included.
    best_epoch : int or None
        Index of the best epoch by what early stopping watched, else by ``val_loss``, else by ``loss``.
    stopped_by : str or None
        ``"epochs"`` (all done), ``"early_stopping"``, ``"interrupt"`` (Ctrl-C), ``"nonfinite"`` or ``"callback"``;
        None while the run goes on.
    seconds : float
        Wall-clock time of all runs of ``fit`` that made this history.
    agreement : float or None
        How far a distilled student agrees with its teacher; see ``sprat.distill``.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.5, "val_loss": 0.75})
    >>> history.append({"loss": 0.25, "val_loss": 0.5})
    >>> history["loss"], history.epochs, history.best_epoch
    ([0.5, 0.25], 2, 1)
    >>> history
    epoch   loss  val_loss
        1    0.5      0.75
        2   0.25       0.5
    """

    # A table of more rows than this shows its beginning and its end.
    _SHOWN = 12

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.stopped_by: str | None = None
        self.seconds = 0.0
        self.agreement: float | None = None
        self.monitor: tuple[str, str] | None = None

    @property
    def epochs(self) -> int:
        return max((len(values) for values in self.values()), default=0)

    @property
    def best_epoch(self) -> int | None:
        key, mode = self.monitor or ("val_loss" if "val_loss" in self else "loss", "min")
        values = self.get(key, [])
        sign = 1.0 if mode == "min" else -1.0
        finite = [(sign * value, index) for index, value in enumerate(values) if not math.isnan(value)]
        return min(finite)[1] if finite else None

    def append(self, row: dict[str, float]) -> None:
        """Add the numbers of one epoch; a key that was or is missing has NaN there."""
        epochs = self.epochs
        for key, value in row.items():
            self.setdefault(key, [math.nan] * epochs).append(value)
        for values in self.values():
            if len(values) == epochs:
                values.append(math.nan)

    def __repr__(self) -> str:
        if not self:
            return f"no whole epoch ({self.steps} steps)"
        head = ["epoch", *self]
        rows = [[str(epoch + 1), *(_number(values[epoch]) for values in self.values())] for epoch in range(self.epochs)]
        if len(rows) > self._SHOWN:
            half = self._SHOWN // 2
            rows = [*rows[:half], ["..."] * len(head), *rows[-half:]]
        widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
        if self.stopped_by not in (None, "epochs"):
            lines.append(f"stopped by {str(self.stopped_by).replace('_', ' ')}")
        return "\n".join(lines)

    def state_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        columns = {key: list(values) for key, values in self.items()}
        monitor = list(self.monitor) if self.monitor else None
        return {"columns": columns, "steps": self.steps, "seconds": self.seconds, "monitor": monitor}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave; the run goes on from there."""
        columns = {str(key): [float(value) for value in values] for key, values in state["columns"].items()}
        if len({len(values) for values in columns.values()}) > 1:
            raise ValueError("the history's columns differ in length")
        self.clear()
        self.update(columns)
        self.steps, self.seconds = int(state["steps"]), float(state["seconds"])
        self.monitor = tuple(state["monitor"]) if state["monitor"] else None


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
