"""The training loop: whole steps, callbacks between them, and a state that says exactly where it stands."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import _device
from . import progress as progress_bars
from .averages import averaged, take_average
from .callbacks import Callback, Checkpoint
from .data import Batch, Data
from .gradients import SAFE_ENERGY, NonFiniteError, energy_of, gradient_arrays, gradient_order
from .history import History
from .interrupt import InterruptGuard
from .native import Stretches
from .rows import Array
from .scores import batch_weight, score
from .targets import Targets

Gradients = Callable[[Array, Array, Array | None], tuple[float, Any]]


class Trainer:
    """One run of ``fit``: what callbacks see, and what a checkpoint holds.

    Attributes
    ----------
    model, optimizer
        What is trained, and by what.
    history : History
    step : int
        Updates made so far.
    epoch, batch : int
        Index of the epoch, and of the next batch in it.
    loss : float
        Mean loss of the last batch, before its update.
    has_validation : bool
    gradients : callable
        ``gradients(x, y, weight) -> (loss, gradient)``, one for each step; ``model_gradients`` unless something puts its
        own in place before the run.
    last_gradients : Gradients or None
        By parameter name, of the last step that ``model_gradients`` gave to, before clipping; written again by the next.
    lesson : (loss, teacher)
        What ``model_gradients`` learn by: a loss of ``nn.losses`` or of the user's own, and a teacher's raw outputs for
        every row of the training arrays or None. Distillation puts its own in place.
    loss_sums : (float, float)
        Of this epoch: sum of loss * weight over the batches, and of weight.
    step_params : callable
        ``step_params() -> parameters`` that stand in for those of the model in the next step's passes, None: none do.
        Quantization-aware training puts its own in place.
    scored_model : callable
        ``scored_model() -> model`` that validation measures.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([2, 1])
    >>> positions = []
    >>> history = sprat.fit(model, np.eye(2), [1.0, 2.0], batch_size=1, epochs=2,
    ...     callbacks=[lambda trainer: positions.append((trainer.epoch, trainer.step))])
    >>> positions
    [(0, 2), (1, 4)]
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        data: Data,
        targets: Targets,
        *,
        epochs: int,
        validation: Data | None = None,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        on_nonfinite: str = "raise",
        progress: bool | str = "auto",
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.model, self.optimizer, self.targets = model, optimizer, targets
        self.epochs, self.seed = epochs, seed
        self.history = History()
        self.step = self.epoch = self.batch = 0
        self.loss = math.nan
        self.callbacks = list(callbacks)
        # What must be equal for a resumed run to give the bits of an uninterrupted one.
        self.settings = dict(settings or {})
        self.data, self._validation = data, validation
        self._on_nonfinite, self._progress = on_nonfinite, progress
        self.gradients: Gradients = self.model_gradients
        self.step_params: Callable[[], Array | None] = self._own_params
        self.scored_model: Callable[[], Any] = lambda: self.model
        self.lesson: tuple[Any, Array | None] = (targets.loss, None)
        self.loss_sums = (0.0, 0.0)
        self._stop_reason: str | None = None
        self._guard = InterruptGuard()
        self._buffer: Any = None  # gradients, written again by every step
        self.last_gradients: Any = None
        self._buffer_structure: tuple[int, frozenset[str]] | None = None
        self._order: list[str] | None = None
        self._stretches = Stretches()

    @property
    def has_validation(self) -> bool:
        return self._validation is not None

    @property
    def batch_rows(self) -> Any:
        """Where the rows of the current batch stand in the training arrays (batches of an iterator stand nowhere)."""
        return self.data.batch_rows  # type: ignore[attr-defined]

    def stop(self, reason: str = "callback") -> None:
        """End training after the current step or epoch; ``reason`` becomes ``history.stopped_by``."""
        self._stop_reason = self._stop_reason or reason

    @staticmethod
    def _own_params() -> None:
        """The model's own parameters."""

    # ---- one step ------------------------------------------------------------------------------------------------

    def train_batch(self, x: Array, y: Array, weight: Array | None) -> float:
        """One update: the gradient of the batch, then the optimizer's step. Returns the loss before the update.

        Nothing changes when the loss, the gradient or the new weights would not be finite: NonFiniteError then. An
        optimizer made with nonfinite="skip" leaves such a batch out instead, and NaN comes back.
        """
        loss, gradients = self.gradients(x, y, weight)
        skips = getattr(self.optimizer, "nonfinite", None) == "skip"
        if not math.isfinite(loss) and not skips:
            raise NonFiniteError(f"the loss became {loss}")
        energy = math.fsum(map(energy_of, gradient_arrays(gradients)))
        if energy < SAFE_ENERGY:
            self._guarded_step(gradients)
        elif all(np.isfinite(_device.to_host(array)).all() for array in gradient_arrays(gradients)):
            self._careful_step(gradients)
        elif skips:
            self._guarded_step(gradients)
            return math.nan
        else:
            raise NonFiniteError("the gradient became infinite or NaN")
        return loss

    def model_gradients(self, x: Array, y: Array | None, weight: Array | None) -> tuple[float, Any]:
        """Mean loss of a batch and the gradient, flat or in the order of the optimizer's arrays: one native call."""
        loss, outputs = self.lesson
        model = self.model
        structure = (model._structure_version, model.frozen)
        if structure != self._buffer_structure:
            self._buffer, self._buffer_structure = None, structure
            self._order = gradient_order(model, self.optimizer)
        put = model._place.put
        value, gradients = model.loss_and_gradients(
            put(x),
            put(y) if outputs is None or loss.alpha != 1 else None,
            loss=loss,
            sample_weight=put(weight),
            teacher=None if outputs is None else put(outputs[self.batch_rows]),
            dropout_seed=self.seed,
            step=self.step,
            params=self.step_params(),
            out=self._buffer,
        )
        self._buffer = self.last_gradients = gradients
        if self._order is None:
            return float(value), gradients.flat
        return float(value), [gradients[name] for name in self._order]

    def _guarded_step(self, gradients: Any) -> None:
        self._guard.enter_step()
        try:
            self.optimizer.step(gradients)
            self.step += 1
        finally:
            self._guard.leave_step()

    def _careful_step(self, gradients: Any) -> None:
        before = self.model.params.copy()
        state = self.optimizer.state_dict()
        self._guarded_step(gradients)
        if not np.isfinite(_device.to_host(self.model.params)).all():
            self.model.params[...] = before
            self.optimizer.load_state_dict(state)
            self.step -= 1
            raise NonFiniteError("the update overflowed")

    # ---- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> History:
        """Train until all epochs are done or something stops it."""
        started = time.monotonic() - self.history.seconds
        bar = progress_bars.make(self._progress, self.epochs, self.data.batches_per_epoch)
        self.history.stopped_by = None
        failure: NonFiniteError | None = None
        with self._guard:
            try:
                self._call("on_train_begin")
                while self.epoch < self.epochs and self._stop_reason is None:
                    self._run_epoch(bar)
            except KeyboardInterrupt:
                # The second Ctrl-C, or one that a handler of the program's own turned into an exception.
                if self._guard.requested:
                    raise
                self.stop("interrupt")
            except NonFiniteError as error:
                self.stop("nonfinite")
                failure = error
            finally:
                bar.close()
                self._stretches.release()
                self.history.seconds = time.monotonic() - started
                self.history.steps = self.step
            self.history.stopped_by = self._stop_reason or "epochs"
            for callback in self.callbacks:
                if isinstance(callback, Checkpoint):
                    callback.save(self)
            if self._stop_reason not in ("interrupt", "nonfinite"):
                take_average(self.model, self.optimizer)
            self._call("on_train_end")
        if failure is not None and self._on_nonfinite == "raise":
            failure.history = self.history
            raise failure
        return self.history

    def _run_epoch(self, bar: progress_bars.Progress) -> None:
        if self.batch == 0:
            self.loss_sums = (0.0, 0.0)
            self._call("on_epoch_begin")
        bar.begin_epoch(self.epoch, self.batch)
        watchers = [callback for callback in self.callbacks if type(callback).on_batch_end is not Callback.on_batch_end]
        batches: Iterator[Batch] | None = None
        while True:
            if self._stretch(watchers):
                batches = None
            else:
                batches = batches or self.data.epoch(self.epoch, self.batch)
                batch = next(batches, None)
                if batch is None:
                    break
                self._one_batch(*batch)
            bar.update(self.batch, self.loss)
            for callback in watchers:
                callback.on_batch_end(self)
            if self._stopping():
                return
        if self.batch == 0:
            raise ValueError(f"x gave no batch in epoch {self.epoch}")
        total, weights = self.loss_sums
        row = {"loss": total / weights if weights else math.nan, "lr": self._lr()}
        if self._validation is not None:
            row.update(self._validate(self._validation))
            if self._stopping():
                return  # the validation was broken off: a resumed run does it again
        self.history.append(row)
        self.history.steps = self.step
        bar.end_epoch(row)
        self._call("on_epoch_end")
        self.epoch += 1
        self.batch = 0
        for callback in self.callbacks:
            if isinstance(callback, Checkpoint):
                callback.after_epoch(self)

    def _one_batch(self, x: Array, y: Array, weight: Array | None) -> None:
        share = batch_weight(self.targets.loss, y, weight)
        if share > 0:  # a batch whose weights are all zero has no mean loss, and no update
            try:
                self.loss = self.train_batch(x, y, weight)
            except NonFiniteError as error:
                raise NonFiniteError(self._explain(str(error), x, y)) from None
            if math.isfinite(self.loss):
                total, weights = self.loss_sums
                self.loss_sums = (total + self.loss * share, weights + share)
        self.batch += 1

    def _stretch(self, watchers: Sequence[Callback]) -> bool:
        """Take steps in native code, up to where somebody wants to look; False when there was none to be taken so."""
        count = min((callback.next_batch_end(self) for callback in watchers), default=math.inf)
        if count < 1 or self.gradients != self.model_gradients or self.step_params != self._own_params:
            return False
        if not self._stretches.prepare(self):
            return False
        before = self.step
        self._guard.enter_step()
        try:
            self._stretches.take(self, count)
        finally:
            self._guard.leave_step()
        return self.step > before

    def took(self, steps: int, loss: float, loss_sums: tuple[float, float], gradients: Any) -> None:
        """So many steps were made, one for each batch; ``loss`` and ``gradients`` are those of the last one."""
        self.last_gradients = gradients
        self.loss, self.loss_sums = loss, loss_sums
        self.step += steps
        self.batch += steps
        self.data.batch_rows = self.data.place(self.epoch, self.batch - 1)  # type: ignore[attr-defined]

    def _stopping(self) -> bool:
        if self._guard.requested:
            self.stop("interrupt")
        return self._stop_reason is not None

    def _validate(self, data: Data) -> dict[str, float]:
        with averaged(self.model, self.optimizer):
            batches = itertools.takewhile(lambda _: not self._guard.requested, data.epoch(0))
            return {f"val_{key}": value for key, value in score(self.scored_model(), batches, self.targets).items()}

    def _call(self, method: str) -> None:
        for callback in self.callbacks:
            getattr(callback, method)(self)

    def _lr(self) -> float:
        """The rate of the last update."""
        lr = self.optimizer.param_groups[0]["lr"]
        return float(lr(max(self.optimizer.step_count - 1, 0)) if callable(lr) else lr)

    def _explain(self, problem: str, x: Array, y: Array) -> str:
        where = f"{problem} in epoch {self.epoch + 1}, batch {self.batch + 1} (lr {self._lr():g})"
        for name, array in (("x", x), ("y", y)):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                return (
                    f"{where}: the batch has NaN or infinity in {name}; the model keeps the weights of step {self.step}"
                )
        return f"{where}; the model keeps the weights of step {self.step}; lower lr or set clip_norm"

    # ---- weights -------------------------------------------------------------------------------------------------

    def measured_weights(self) -> dict[str, Any]:
        """A copy of the weights that validation measured (the moving average if there is one), and of the masks."""
        with averaged(self.model, self.optimizer):
            return {
                "params": self.model.params.copy(),
                "masks": {name: mask.copy() for name, mask in self.model.masks.items()},
                "sizes": _sizes(self.model),
            }

    def restore_weights(self, weights: dict[str, Any]) -> None:
        """Put back what ``measured_weights`` gave; nothing happens when the layers have other sizes by now."""
        if weights["sizes"] != _sizes(self.model):
            return
        for name in set(self.model.masks) | set(weights["masks"]):
            self.model.set_mask(name, weights["masks"].get(name))
        self.model.params[...] = weights["params"]
        self.masks_changed()

    def masks_changed(self) -> None:
        """Tell the optimizer of new masks (what they remove stays zero, its state too) and of parameters frozen since."""
        if getattr(self.optimizer, "_model", None) is self.model:
            self.optimizer.rebind()
        elif self.model.masks:
            raise ValueError("optimizer: make it with the model itself, so that it follows the masks")

    # ---- state ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything but the model: position, settings, optimizer, callbacks, history."""
        return {
            "settings": self.settings,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "stopped": self._stop_reason if self._stop_reason in ("early_stopping", "callback") else None,
            "loss_sum": self.loss_sums[0],
            "loss_weight": self.loss_sums[1],
            "optimizer": self.optimizer.state_dict(),
            "callbacks": [[type(callback).__name__, callback.state_dict()] for callback in self.callbacks],
            "history": self.history.state_dict(),
        }

    def check_state(self, state: dict[str, Any]) -> None:
        """ValueError when a run with these settings cannot go on from ``state``."""
        for key, value in self.settings.items():
            before = state["settings"].get(key)
            if before != value:
                raise ValueError(f"resume: the checkpoint was made with {key}={before!r}, this run has {key}={value!r}")
        names = [type(callback).__name__ for callback in self.callbacks]
        saved = [name for name, _ in state["callbacks"]]
        if names != saved:
            raise ValueError(f"resume: the checkpoint was made with callbacks {saved}, this run has {names}")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where ``state_dict`` was taken; ValueError, and nothing changed, when the settings differ."""
        self.check_state(state)
        self.optimizer.load_state_dict(state["optimizer"])
        for callback, (_, remembered) in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(remembered)
        self.history.load_state_dict(state["history"])
        self.epoch, self.batch, self.step = int(state["epoch"]), int(state["batch"]), int(state["step"])
        self._stop_reason = state["stopped"]
        self.loss_sums = (float(state["loss_sum"]), float(state["loss_weight"]))


def _sizes(model: Any) -> list[list[int]]:
    return [[layer.in_features, layer.out_features] for layer in model.layers]
