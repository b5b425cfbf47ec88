"""A run that ends in time, at a low rate, even where the machine turns out slower than it was."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from ...optim.schedules import Cosine, Schedule, Sequence
from ..callbacks import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer

# An epoch may take this much longer than the time left allows before the plan is changed.
_TOLERANCE = 1.1


class Deadline(Callback):
    """Shorten what is left of a run when it would end too late.

    After each epoch the rest is projected from the epochs so far. If it would end beyond the deadline, as many epochs
    as there is time for are left, and the rate goes down to 0 over them by a cosine.

    Parameters
    ----------
    at : float
        By ``time.monotonic()``.
    """

    def __init__(self, at: float) -> None:
        self.at, self.replanned = at, False
        self._began, self._first = 0.0, 0

    def on_train_begin(self, trainer: Trainer) -> None:
        self._began, self._first = time.monotonic(), trainer.epoch

    def on_epoch_end(self, trainer: Trainer) -> None:
        now = time.monotonic()
        done = trainer.epoch + 1
        seconds = (now - self._began) / (done - self._first)
        if done >= trainer.epochs or now + seconds * (trainer.epochs - done) <= self.at + (_TOLERANCE - 1) * seconds:
            return
        left = math.floor((self.at - now) / seconds)
        if left >= trainer.epochs - done:
            return
        self.replanned = True
        if left < 1:
            trainer.stop("time")
            return
        trainer.epochs = done + left
        for group in trainer.optimizer.param_groups:
            rate = group["lr"]
            if isinstance(rate, Schedule):
                step = trainer.optimizer.step_count
                steps = left * (step // (done - self._first))
                group["lr"] = Sequence([(step, rate), (None, Cosine(rate(step), steps=max(steps, 1)))])
