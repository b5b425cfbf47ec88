"""What may happen between steps: stop early, lower the rate, save; to prune: `gradual_pruning`.

A callback sees the ``trainer``: ``model``, ``optimizer``, ``history``, ``step`` (updates so far), ``epoch`` (index),
``batch`` (index within the epoch), ``loss`` (of the last batch), ``stop()``. It is called between whole steps, in the
order of the list. ``state_dict``/``load_state_dict`` carry what it remembers through a checkpoint.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._check import check_choice, check_count, check_number

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Base of all callbacks: every method does nothing.

    Examples
    --------
    >>> class StopWhenGood(Callback):
    ...     def on_epoch_end(self, trainer):
    ...         if trainer.history["loss"][-1] < 0.01:
    ...             trainer.stop()
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first step, after a checkpoint was read."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before an epoch (not when a run resumes in the middle of one)."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """After a step."""

    def next_batch_end(self, trainer: Trainer) -> float:
        """How many steps from now ``on_batch_end`` has something to do; math.inf for never.

        0, the default, calls it after every batch. With more, or without an ``on_batch_end``, steps are taken many at a
        time in native code, and it may be called after any of them.
        """
        return 0

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After validation; the history has the epoch's numbers."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Before ``fit`` returns, with ``trainer.history.stopped_by`` set."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know: numbers, text, arrays, lists and dicts of them."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""


class AtEpochEnd(Callback):
    """A plain function of the trainer, called after every epoch; ``fit`` wraps functions in it."""

    def __init__(self, function: Callable[[Trainer], object]) -> None:
        self._function = function

    def on_epoch_end(self, trainer: Trainer) -> None:
        self._function(trainer)


def better_mode(monitor: str, mode: str) -> str:
    """``"min"`` or ``"max"``; ``"auto"`` maximises accuracies, r2 and agreement and minimises everything else.

    >>> better_mode("val_accuracy", "auto"), better_mode("val_loss", "auto")
    ('max', 'min')
    """
    check_choice("mode", mode, ("auto", "min", "max"))
    if mode != "auto":
        return mode
    return "max" if monitor.endswith(("accuracy", "r2", "agreement")) else "min"


class _Monitor(Callback):
    """Reads one number of the history; default ``val_loss`` with validation data, else ``loss``."""

    def __init__(self, monitor: str | None, mode: str) -> None:
        better_mode(monitor or "loss", mode)
        self._wanted = monitor
        self._mode = mode

    def key(self, trainer: Trainer) -> str:
        if self._wanted is not None:
            return self._wanted
        return "val_loss" if trainer.has_validation else "loss"

    def sign(self, trainer: Trainer) -> float:
        return 1.0 if better_mode(self.key(trainer), self._mode) == "min" else -1.0

    def value(self, trainer: Trainer) -> float:
        """The newest number, turned so that less is better."""
        key = self.key(trainer)
        if key not in trainer.history:
            known = ", ".join(trainer.history)
            raise ValueError(f"monitor: the history has no {key!r}; it has {known}")
        return self.sign(trainer) * trainer.history[key][-1]


class EarlyStopping(_Monitor):
    """Stop when a number has not improved for a while, and go back to the best weights.

    Parameters
    ----------
    monitor : str, optional
        Key of the history. Default ``val_loss`` with validation data, else ``loss``.
    patience : int
        Epochs without improvement that are waited for; 5 by default.
    min_delta : float
        Improvements of less do not count.
    mode : "auto", "min" or "max"
    restore_best : bool
        At the end put back the weights (and masks) of the best epoch, bit for bit. After Ctrl-C the last weights stay.
    start_epoch : int
        Epochs before this one are not looked at: with gradual pruning, wait for the final sparsity.

    Examples
    --------
    >>> EarlyStopping(patience=3).patience
    3
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 5,
        min_delta: float = 0.0,
        *,
        mode: str = "auto",
        restore_best: bool = True,
        start_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode)
        check_count("patience", patience, 0)
        check_number("min_delta", min_delta)
        self.patience, self.min_delta = patience, min_delta
        self.restore_best, self.start_epoch = restore_best, start_epoch
        self.best, self.best_epoch, self._waited = math.inf, -1, 0
        self._weights: dict[str, Any] | None = None

    def on_train_begin(self, trainer: Trainer) -> None:
        key = self.key(trainer)
        trainer.history.monitor = (key, better_mode(key, self._mode))
        if trainer.step == 0:
            self.best, self.best_epoch, self._waited, self._weights = math.inf, -1, 0, None

    def on_epoch_end(self, trainer: Trainer) -> None:
        if trainer.epoch < self.start_epoch:
            return
        value = self.value(trainer)
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self._waited = value, trainer.epoch, 0
            if self.restore_best:
                self._weights = trainer.measured_weights()
            return
        self._waited += 1
        if self._waited >= self.patience:
            trainer.stop("early_stopping")

    def on_train_end(self, trainer: Trainer) -> None:
        if self._weights is not None and trainer.history.stopped_by not in ("interrupt", "nonfinite"):
            trainer.restore_weights(self._weights)

    def state_dict(self) -> dict[str, Any]:
        names = {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited}
        return {**names, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])
        self._waited, self._weights = int(state["waited"]), state["weights"]


class ReduceOnPlateau(_Monitor):
    """Multiply the learning rate by ``factor`` when a number has stopped improving (torch's ReduceLROnPlateau).

    Parameters
    ----------
    monitor : str, optional
        Key of the history. Default ``val_loss`` with validation data, else ``loss``.
    factor : float
        In (0, 1).
    patience : int
        Epochs without improvement that are allowed.
    threshold : float
        An improvement is less than best * (1 - threshold), for "max" more than best * (1 + threshold).
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr : float
    mode : "auto", "min" or "max"

    The optimizer's ``lr`` must be a number: a schedule decides for itself.

    Examples
    --------
    >>> ReduceOnPlateau(factor=0.5, patience=2).factor
    0.5
    """

    def __init__(
        self,
        monitor: str | None = None,
        factor: float = 0.1,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, mode)
        check_number("factor", factor, 0, 1, open_low=True, open_high=True)
        check_count("patience", patience, 0)
        check_count("cooldown", cooldown, 0)
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.min_lr = cooldown, min_lr
        self._best, self._bad, self._cooling = math.inf, 0, 0

    def on_train_begin(self, trainer: Trainer) -> None:
        if trainer.step == 0:
            self._best, self._bad, self._cooling = math.inf, 0, 0
        for group in trainer.optimizer.param_groups:
            if not isinstance(group["lr"], (int, float)):
                raise ValueError(f"ReduceOnPlateau: wanted an optimizer whose lr is a number, got {group['lr']!r}")

    def on_epoch_end(self, trainer: Trainer) -> None:
        value = self.value(trainer)
        # ``value`` is turned so that less is better; its size still says how much ``threshold`` of it is.
        if value < self._best - self.threshold * abs(self._best) or math.isinf(self._best):
            self._best, self._bad = value, 0
        else:
            self._bad += 1
        if self._cooling > 0:
            self._cooling -= 1
            self._bad = 0
        if self._bad > self.patience:
            self._cooling, self._bad = self.cooldown, 0
            for group in trainer.optimizer.param_groups:
                group["lr"] = max(float(group["lr"]) * self.factor, self.min_lr)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "bad": self._bad, "cooling": self._cooling}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._bad, self._cooling = float(state["best"]), int(state["bad"]), int(state["cooling"])


class Checkpoint(Callback):
    """Save the whole training state to one file, atomically; ``fit(..., resume=True)`` goes on from it.

    Parameters
    ----------
    path : str or path
        The file, replaced at each save; its folder must exist.
    every : int
        Save after this many epochs or steps.
    unit : "epoch" or "step"

    The state is also saved when training ends, by Ctrl-C too, before early stopping puts back the best weights.

    Examples
    --------
    >>> Checkpoint("run.safetensors", every=500, unit="step").every
    500
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1, *, unit: str = "epoch") -> None:
        check_count("every", every)
        check_choice("unit", unit, ("epoch", "step"))
        self.path, self.every, self.unit = path, every, unit

    def on_batch_end(self, trainer: Trainer) -> None:
        if self.unit == "step" and trainer.step % self.every == 0:
            self.save(trainer)

    def next_batch_end(self, trainer: Trainer) -> float:
        return self.every - trainer.step % self.every if self.unit == "step" else math.inf

    def save(self, trainer: Trainer) -> None:
        """Write the state as it is now."""
        from ..io import save_training

        save_training(self.path, trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        """Called by the trainer when the epoch is behind it, so that the state says: begin the next one."""
        if self.unit == "epoch" and trainer.epoch % self.every == 0:
            self.save(trainer)
