"""Pruning while training goes on: sparsity grows by a schedule, by any criterion and in any pattern."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import prune
from .._check import check_choice, check_count
from ..prune.scores import TRAINED, Array, Criterion, RunningScores
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

# First-order scores are a mean over so many of the steps before a pruning.
_WINDOW = 16


class GradualPruning(Callback):
    """Prune a little more every few steps, so that training repairs what is lost (Zhu & Gupta 2017).

    Parameters
    ----------
    schedule : callable
        ``schedule(step) -> sparsity`` in [0, 1), never falling, for example ``prune.GradualSchedule``.
    scope : "global" or "layer"
        Rank weights over the model or within each layer.
    frequency : int
        Steps between two prunings; 100 as in the paper.
    criterion : str or function
        ``"magnitude"``; ``"taylor"``: what the loss would lose, by the gradients of the last steps before each pruning;
        ``"movement"``: where training has taken the weight since it began (both look at gradients between steps);
        or a function of the model that gives scores by parameter name. See :mod:`sprat.prune.scores`.
    pattern : str
        As for :func:`sprat.prune.weights`: n of every m goes down from m of every m step by step; such as ``"2:4"``
        stops there, even where the schedule would go further.
    layers : list of int, optional
        The layers to prune, all by default. The last one is often better left alone where a pattern gives every layer
        the same sparsity: it is small.

    Notes
    -----
    The masks stay on the model; the optimizer keeps masked weights and their state at zero. What was pruned stays pruned.
    Between prunings steps run natively, many in one call; ``"taylor"`` looks after each of the 16 steps before a pruning and
    ``"movement"`` after every step, which makes a step of a 784-256-128-10 network a third longer.

    Examples
    --------
    >>> GradualPruning(lambda step: min(0.9, step / 1000), frequency=50).frequency
    50
    >>> import sprat
    >>> x, y = sprat.demo.digits().train
    >>> model = sprat.nn.MLP([64, 32, 10], seed=0)
    >>> schedule = sprat.prune.GradualSchedule(0, 0.75, end_step=40)
    >>> pruning = GradualPruning(schedule, frequency=10, criterion="movement", pattern="n:32")
    >>> history = sprat.fit(model, x, y, epochs=3, callbacks=[pruning])
    >>> sprat.prune.report(model).sparsity
    0.75
    """

    def __init__(
        self,
        schedule: Callable[[int], float],
        *,
        scope: str = "global",
        frequency: int = 100,
        criterion: str | Criterion = "magnitude",
        pattern: str | prune.patterns.Pattern = "unstructured",
        layers: Iterable[int] | None = None,
    ) -> None:
        check_choice("scope", scope, ("global", "layer"))
        check_count("frequency", frequency)
        if not callable(criterion):
            check_choice("criterion", criterion, ("magnitude", *TRAINED))
        self.schedule, self.scope, self.frequency = schedule, scope, frequency
        self.criterion, self.pattern = criterion, prune.patterns.get(pattern)
        self.layers = None if layers is None else [operator.index(layer) for layer in layers]
        self._applied = 0.0
        self._running = RunningScores(criterion) if isinstance(criterion, str) and criterion in TRAINED else None
        self._before: tuple[int, dict[str, Array]] | None = None  # weights after a step

    def on_train_begin(self, trainer: Trainer) -> None:
        if trainer.step == 0:
            self._applied = 0.0
            if self._running is not None:
                self._running.clear()
        self._remember(trainer)

    def on_batch_end(self, trainer: Trainer) -> None:
        if self._running is not None:
            self._observe(trainer, self._running)
        if trainer.step % self.frequency == 0:
            self._prune(trainer)
        self._remember(trainer)

    def next_batch_end(self, trainer: Trainer) -> float:
        left = self.frequency - trainer.step % self.frequency
        if self._running is None:
            return left
        # The weights before the first step of the window are wanted, then every step's gradients.
        return max(1, left - self._window())

    def on_train_end(self, trainer: Trainer) -> None:
        # The last step need not be a multiple of the frequency.
        if trainer.history.stopped_by == "epochs":
            self._prune(trainer)
        self._before = None

    def _window(self) -> int:
        return self.frequency if self.criterion == "movement" else min(_WINDOW, self.frequency)

    def _remember(self, trainer: Trainer) -> None:
        """Keep the weights that the next step begins with, if its gradients count."""
        if self._running is not None and self.frequency - trainer.step % self.frequency <= self._window():
            weights = {} if self._before is None else self._before[1]
            for name, values in trainer.model.parameters().items():
                if not name.endswith(".weight"):
                    continue
                if name in weights and weights[name].shape == values.shape:
                    np.copyto(weights[name], values)
                else:
                    weights[name] = values.copy()
            self._before = trainer.step, weights

    def _observe(self, trainer: Trainer, running: RunningScores) -> None:
        step, weights = self._before or (-1, {})
        if trainer.step != step + 1 or trainer.last_gradients is None:
            return  # outside the window, or the step was left out
        running.add(weights, trainer.last_gradients)

    def _prune(self, trainer: Trainer) -> None:
        sparsity = float(self.schedule(trainer.step))
        if not 0 <= sparsity < 1:
            raise ValueError(f"GradualPruning: the schedule gave {sparsity!r} at step {trainer.step}, wanted [0, 1)")
        sparsity = self.pattern.clamp(sparsity)
        if sparsity > self._applied:
            options: dict[str, Any] = {"scope": self.scope, "pattern": self.pattern, "layers": self.layers}
            if self.criterion == "magnitude":
                prune.magnitude(trainer.model, sparsity, **options)
            elif self._running is None:
                prune.weights(trainer.model, sparsity, criterion=self.criterion, **options)
            else:
                self._prune_by_gradients(trainer, sparsity, self._running.scores(), options)
            trainer.masks_changed()
            self._applied = sparsity
        if self.criterion == "taylor" and self._running is not None:
            self._running.clear()

    def _prune_by_gradients(self, trainer: Trainer, sparsity: float, scores: Any, options: dict[str, Any]) -> None:
        if not scores:
            raise ValueError(
                f"GradualPruning: {self.criterion!r} wants gradients of the model, and this training has none"
            )
        if options["layers"] is None:
            options["layers"] = [int(name.split(".")[1]) for name in scores]  # what is frozen has none, and stays
        prune.weights(trainer.model, sparsity, criterion=scores, **options)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"applied": self._applied}
        return state if self._running is None else state | {"scores": self._running.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._applied = float(state["applied"])
        if self._running is not None:
            self._running.load_state_dict(state["scores"])
