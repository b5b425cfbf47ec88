"""Training in native code: whole mini-batches, and stretches of them, by one call each.

The bits are those of ``model.loss_and_gradients`` and ``optimizer.step``, one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..nn.losses import Distillation, Loss
from ..nn.losses._base import is_native as is_native_loss
from ..nn.mlp import MLP
from ..optim._binding import edited, edits
from ..optim.optimizer import Optimizer
from .data import ArrayData
from .gradients import SAFE_ENERGY, gradient_order
from .rows import Array
from .scores import row_shares

if TYPE_CHECKING:
    from .trainer import Trainer

# A stretch lasts about this long, in seconds: in between, bars move and Ctrl-C is heard.
SLICE = 0.025
# Rates are computed for so many steps at a time, at least.
_RATES = 64


def is_native(model: Any, optimizer: Any, loss: Any) -> bool:
    """Whether native code knows all of it: no method of a user's own is passed over."""
    return (
        is_native_loss(loss)
        and getattr(model, "device", "cpu") == "cpu"
        and getattr(type(model), "loss_and_gradients", None) is MLP.loss_and_gradients
        and getattr(type(optimizer), "step", None) is Optimizer.step
        and "step" not in vars(optimizer)
        and "loss_and_gradients" not in vars(model)
    )


class NativeSteps:
    """A model, its optimizer and a loss as native code borrows them; made anew when one of them was edited.

    Parameters
    ----------
    model : nn.MLP
    optimizer : optim.Optimizer
        Of the model, or of arrays that are its trainable parameters.
    loss : nn.losses.Loss
    """

    def __init__(self, model: Any, optimizer: Any, loss: Loss) -> None:
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.gradients: Any = None  # of the last step, by name
        self.plan: Any = None
        # Of the optimizer and of the model when ``plan`` was made: another plan, or an edit, makes it stale.
        self.optimizer_plan: Any = None
        self.seen: Any = None

    def is_stale(self) -> bool:
        """Whether something was set or edited since the last step, which `refresh` has to follow."""
        plan = self.optimizer._plan
        return plan is not self.optimizer_plan or plan.outdated or edited(self.model, self.seen)

    def refresh(self) -> bool:
        """Follow what was set or edited since the last step; whether ``plan`` is another one now.

        ValueError when the optimizer updates something else than the model's trainable parameters.
        """
        optimizer, model = self.optimizer, self.model
        optimizer._refresh()
        if not self.is_stale():
            return False
        self.optimizer_plan = None
        order = gradient_order(model, optimizer)
        self.gradients = model._gradients(None)
        flat = self.gradients.flat
        self.plan = _core.TrainingPlan(
            model._native,
            model.params,
            flat,
            model._frozen_flags,
            optimizer._plan,
            flat if order is None else [self.gradients[name] for name in order],
            with_teacher=isinstance(self.loss, Distillation),
            **self.loss.native_options(model.dtype),
        )
        self.seen, self.optimizer_plan = edits(model), optimizer._plan
        return True


class Stretches:
    """Runs of whole steps on the arrays of a trainer, for as long as nobody has to look between them."""

    def __init__(self) -> None:
        self._steps: NativeSteps | None = None
        self._asked: tuple[Any, ...] = ()
        self._rows: tuple[Any, ...] = ()
        self._rates = _Rates()
        self._last = 0

    def prepare(self, trainer: Trainer) -> bool:
        """Whether the next steps can be made natively; anything may have been edited since the last ones."""
        loss, teacher = trainer.lesson
        asked = (trainer.model, trainer.optimizer, loss, teacher)
        if len(self._asked) != len(asked) or any(a is not b for a, b in zip(asked, self._asked, strict=True)):
            self._asked = asked
            self._begin(trainer)
        if self._steps is None or trainer.model.input_quant is not None:
            return False
        if self._steps.refresh():
            self._steps.plan.bind(*self._rows)
        return len(trainer.optimizer.param_groups) == 1 or not trainer.optimizer._scheduled

    def _begin(self, trainer: Trainer) -> None:
        model, optimizer, (loss, teacher), data = trainer.model, trainer.optimizer, trainer.lesson, trainer.data
        self._steps = None
        if not isinstance(data, ArrayData) or not is_native(model, optimizer, loss):
            return
        arrays = data.whole()
        if arrays is None:
            return
        x, y, weight = arrays
        shares = row_shares(trainer.targets.loss, y, weight)
        self._rows = (x, None if getattr(loss, "alpha", 0) == 1 else y, weight, teacher, shares)
        self._steps = NativeSteps(model, optimizer, loss)

    def take(self, trainer: Trainer, count: float) -> None:
        """Make at most ``count`` steps of this epoch, after ``prepare``; the trainer takes over what was made of them,
        even if a signal's handler raises."""
        steps, data, optimizer = self._steps, trainer.data, trainer.optimizer
        assert steps is not None
        assert isinstance(data, ArrayData)
        most = int(min(count, data.num_batches - trainer.batch))
        rates: Array | None = None
        if optimizer._scheduled:
            ahead = min(most, max(_RATES, 2 * self._last))
            rates = self._rates.ahead(optimizer._scheduled[0][1], optimizer.step_count, ahead)
            most = len(rates)
        if most == 0:
            return
        order, before = data.order(trainer.epoch), optimizer.step_count
        loss_sum, loss_weight = trainer.loss_sums
        try:
            steps.plan.run(
                order=order,
                length=data.num_rows,
                batch_size=data.batch_size,
                first_batch=trainer.batch,
                num_batches=most,
                dropout_seed=trainer.seed,
                step=trainer.step,
                lr=rates,
                max_seconds=SLICE,
                safe_energy=SAFE_ENERGY,
                loss_sum=loss_sum,
                loss_weight=loss_weight,
            )
        finally:
            self._last = optimizer.step_count - before
            if self._last > 0:
                sums = steps.plan.loss_sum, steps.plan.loss_weight
                trainer.took(self._last, steps.plan.loss, sums, steps.gradients)

    def release(self) -> None:
        """Let go of the arrays."""
        self._steps, self._asked, self._rows = None, (), ()


class _Rates:
    """Learning rates of the steps to come, as schedules are pure functions of the step."""

    def __init__(self) -> None:
        self._schedule: Any = None
        self._first, self._values = 0, np.empty(0)

    def ahead(self, schedule: Any, step: int, count: int) -> Array:
        """Rates of at most ``count`` steps from ``step`` on: those known already, else new ones; none if one fails."""
        begin = step - self._first
        known = schedule is self._schedule and 0 <= begin < len(self._values)
        if not known:
            self._schedule, self._first, begin = schedule, step, 0
            try:
                self._values = schedule(np.arange(step, step + count))
            except Exception:  # one of them fails: only who gets there shall hear of it
                self._values = np.empty(0)
        return self._values[begin : begin + count]
