"""Lines about epochs, where there is no bar."""

from __future__ import annotations

from typing import Any

from ..training import Callback
from ._console import Console


class EpochLines(Callback):
    """At most ten lines over the whole training, on stderr."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_epoch_end(self, trainer: Any) -> None:
        done = trainer.epoch + 1
        if done % -(-trainer.epochs // 10) == 0 and not self._console.has_bar:
            figures = ", ".join(f"{key} {values[-1]:.4g}" for key, values in trainer.history.items())
            self._console.say(f"epoch {done}: {figures}")
