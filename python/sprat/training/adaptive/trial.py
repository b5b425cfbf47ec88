"""Short trainings of a copy: what the choices of adaptive training are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any

from ..._check import check_count
from ..callbacks import Callback
from ..fit import fit
from ..prepare import is_batches

if TYPE_CHECKING:
    from ..history import History
    from ..trainer import Trainer


@dataclass(frozen=True)
class Trial:
    """A model, its data, and how both would be handed to ``fit``; every run trains a copy and leaves the model alone.

    Parameters
    ----------
    model : nn.MLP
    x, y
        As for ``fit``; batches from a callable or a list, not from an iterator that lasts one epoch.
    optimizer : str, class or None
        Not a ready one, which could not train a copy.
    seed : int
    options : dict
        Further arguments of ``fit``: loss, sample_weight, class_weight, clip_norm, ...
    """

    model: Any
    x: Any
    y: Any
    optimizer: Any = None
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not hasattr(self.model, "loss_and_gradients"):
            raise TypeError(f"model: wanted an nn.MLP, got a {type(self.model).__name__}")
        if not isinstance(self.optimizer, (str, type, NoneType)):
            raise TypeError(
                f"optimizer: wanted a class or a name, for copies of the model to try, got a ready "
                f"{type(self.optimizer).__name__}"
            )
        if is_batches(self.x) and hasattr(self.x, "__next__"):
            raise TypeError(
                "x: wanted arrays, a table, or a callable that gives iterators; an iterator lasts one epoch"
            )
        check_count("seed", self.seed, 0)

    @property
    def rows(self) -> int | None:
        """How many rows there are; None when only reading all batches would tell."""
        if is_batches(self.x):
            return None
        if hasattr(self.x, "values") and callable(self.x.values):  # a dict of columns
            return len(next(iter(self.x.values())))
        return len(self.x)

    def run(
        self,
        steps: int,
        batch_size: int,
        lr: Any,
        callbacks: Sequence[Callback] = (),
        *,
        model: Any = None,
        optimizer: Any = None,
    ) -> History:
        """Train a copy (or ``model``, made by ``model.copy()``) for so many steps; a loss that diverges ends it early."""
        return fit(
            self.model.copy() if model is None else model,
            self.x,
            self.y,
            optimizer=self.optimizer if optimizer is None else optimizer,
            lr=lr,
            epochs=steps,  # an epoch has a step at least
            batch_size=batch_size,
            seed=self.seed,
            callbacks=[*callbacks, StopAfter(steps)],
            progress=False,
            on_nonfinite="stop",
            **self.options,
        )


class StopAfter(Callback):
    """End training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_batch_end(self, trainer: Trainer) -> None:
        if trainer.step >= self.steps:
            trainer.stop()

    def next_batch_end(self, trainer: Trainer) -> float:
        return self.steps - trainer.step
