"""``auto_fit``: choose batch size, learning rate and schedule, train, and say why each was chosen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._check import check_count, check_positive
from ...optim.schedules import Schedule
from ..callbacks import EarlyStopping, ReduceOnPlateau
from ..evaluate import evaluate
from ..fit import fit
from ..history import History
from ..prepare import is_batches, is_table
from ..targets import CLASSIFICATION
from .batch_size import SIZES, BatchSize, find_batch_size, measure
from .deadline import Deadline
from .range_test import RangeTest, find_lr
from .schedule import choose_schedule
from .trial import StopAfter, Trial

# What is taken where there is no time to find out.
_USUAL_BATCH, _USUAL_RATE = 64, 1e-3
# Steps that choosing takes, about, and the share of a budget of seconds that it may cost.
_CHOOSING_STEPS, _CHOOSING_SHARE = 600, 0.25
# Of the time that is left this share is planned: validation, callbacks and a busy machine take some.
_PLANNED = 0.95
# Without a budget: epochs at most, and how patient.
_MOST_EPOCHS, _PATIENCE, _PLATEAU = 1000, 12, 4


@dataclass(eq=False)
class AutoFit:
    """A training and how it was set up.

    Attributes
    ----------
    history : History
    reasons : list of str
        A sentence for each choice, in the order they were made.
    settings : dict
        Arguments of :func:`sprat.fit` that train a copy of the first model to the very same weights (with the same
        data, ``validation`` and ``seed``), whatever was measured; unless the machine became slower than planned and
        ``replanned`` is True.
    range_test : RangeTest or None
        None when ``lr`` was given, or there was no time.
    batch_size : BatchSize or None
        None when it was given, or there was no time.
    replanned : bool
        The run was shortened, to end in time.

    Examples
    --------
    >>> print(AutoFit(History(), ["batch size 64: given", "learning rate: given"], {}))
    - batch size 64: given
    - learning rate: given
    """

    history: History
    reasons: list[str]
    settings: dict[str, Any]
    range_test: RangeTest | None = None
    batch_size: BatchSize | None = None
    replanned: bool = False

    def __str__(self) -> str:
        return "\n".join(f"- {reason}" for reason in self.reasons)


@dataclass
class _Choice:
    """What has been chosen so far."""

    trial: Trial
    reasons: list[str] = field(default_factory=list)
    size: int = _USUAL_BATCH
    rate: Any = _USUAL_RATE
    batch: BatchSize | None = None
    range_test: RangeTest | None = None


def auto_fit(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    seconds: float | None = None,
    epochs: int | None = None,
    validation: Any = None,
    validation_split: float = 0.0,
    lr: Any = None,
    batch_size: int | None = None,
    optimizer: Any = None,
    monitor: str | None = None,
    seed: int = 0,
    step_seconds: Mapping[int, float] | None = None,
    callbacks: Sequence[Any] = (),
    progress: bool | str = "auto",
    **options: Any,
) -> AutoFit:
    """Train a model with a batch size, learning rate and schedule that are found first, and give the reasons.

    1. The batch size follows from the gradient noise scale and, for a budget of seconds, from the measured time of a step
       (:func:`find_batch_size`).
    2. The rate follows from a range test with that batch size (:func:`find_lr`).
    3. The schedule follows from the budget (:func:`choose_schedule`).
    4. With validation data the weights of the best epoch are kept.

    Parameters
    ----------
    model : nn.MLP
        Trained in place.
    x, y
        Arrays or a table, as for :func:`sprat.fit`.
    seconds : float, optional
        Budget: wall-clock time for everything, choosing included. When an epoch takes longer than planned the rest of
        the run is shortened, and still ends at a low rate.
    epochs : int, optional
        Budget, instead. With neither, validation data say when to end.
    validation, validation_split
        As for ``fit``.
    lr : float or schedule, optional
        Taken as it is; a number gets a schedule.
    batch_size : int, optional
        Taken as it is.
    optimizer : str or class, optional
        Adam by default.
    monitor : str, optional
        What says which epoch was best; default ``val_accuracy`` for classes, ``val_loss`` for numbers.
    seed : int
    step_seconds : dict, optional
        Seconds of a step by batch size, instead of measuring them; see Notes.
    callbacks, progress
        As for ``fit``, of the training itself.
    **options
        As for ``fit``: loss, sample_weight, class_weight, clip_norm, clip_value, ema_decay, qat.

    Returns
    -------
    AutoFit

    Raises
    ------
    TypeError, ValueError
        One line that names the argument; the model has not changed then.

    Notes
    -----
    With ``epochs`` (or no budget) no time is measured: the same seed gives the same choices and the same weights on any
    machine. With ``seconds`` the measured time of a step decides on batch size and number of epochs. To repeat such a run
    exactly pass its ``settings`` to :func:`sprat.fit`; to fix the batch size alone, pass ``step_seconds``.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> model = sprat.nn.MLP([4, 32, 2], seed=0)
    >>> result = sprat.training.auto_fit(model, x, y, epochs=30, validation_split=0.2)
    >>> len(result.reasons), max(result.history["val_accuracy"]) > 0.9
    (4, True)
    """
    started = time.monotonic()
    if seconds is not None and epochs is not None:
        raise ValueError("seconds: epochs are given as well; pass one of the two")
    budget = None if seconds is None else check_positive("seconds", seconds)
    held_out = validation is not None or validation_split > 0
    if epochs is not None:
        check_count("epochs", epochs)
    elif budget is None and not held_out:
        raise ValueError("epochs: wanted epochs, seconds, or validation data that say when to end")
    if is_batches(x):
        raise TypeError("x: wanted arrays or a table; batches of a callable bring their own size")
    trial = Trial(model, x, y, optimizer, seed, {**options, "validation_split": validation_split})
    assert trial.rows is not None
    rows = trial.rows - round(trial.rows * validation_split)
    choice = _Choice(trial)
    probe = model.copy()
    first = trial.run(3, batch_size or _USUAL_BATCH, 0.0, model=probe)
    affordable = budget is None or _CHOOSING_STEPS * first.seconds / 3 < _CHOOSING_SHARE * budget
    if batch_size is not None:
        choice.size = check_count("batch_size", batch_size)
        choice.reasons.append(f"batch size {batch_size}: given")
    else:
        _choose_size(choice, budget, affordable, step_seconds)
    _choose_rate(choice, lr, affordable)
    steps_per_epoch = -(-rows // min(choice.size, rows))
    steps, total = None, _MOST_EPOCHS
    if epochs is not None:
        steps, total = epochs * steps_per_epoch, epochs
    elif budget is not None:
        left = budget - (time.monotonic() - started)
        steps, total = _plan(choice, probe, validation, left, steps_per_epoch, step_seconds)
    running: list[Any] = []
    if isinstance(choice.rate, Schedule):
        choice.reasons.append("schedule: given")
    else:
        chosen = choose_schedule(choice.rate, steps, total if steps is not None and steps >= steps_per_epoch else None)
        choice.reasons.append(f"schedule {chosen.name}: {chosen.reason}")
        choice.rate = chosen.schedule
        if steps is None:
            running.append(ReduceOnPlateau(factor=0.3, patience=_PLATEAU))
    settings: dict[str, Any] = {"lr": choice.rate, "batch_size": choice.size, "epochs": total, "optimizer": optimizer}
    settings |= options
    if steps is not None and steps < steps_per_epoch:
        running.append(StopAfter(steps))
    if held_out:
        key = monitor or ("val_accuracy" if probe.loss_name in CLASSIFICATION else "val_loss")
        patience = _PATIENCE if steps is None else total
        settings["early_stopping"] = EarlyStopping(key, patience=patience)
        choice.reasons.append(f"weights: those of the epoch with the best {key} are kept, whatever comes after it")
    if validation_split:
        settings["validation_split"] = validation_split
    settings["callbacks"] = running
    deadline = [] if budget is None else [Deadline(started + budget)]
    history = fit(
        model,
        x,
        y,
        validation=validation,
        seed=seed,
        progress=progress,
        **{**settings, "callbacks": [*running, *callbacks, *deadline]},
    )
    replanned = any(callback.replanned for callback in deadline)
    if replanned:
        choice.reasons.append("the machine became slower than measured, so the run was shortened to end in time")
    return AutoFit(history, choice.reasons, settings, choice.range_test, choice.batch, replanned)


def _choose_size(
    choice: _Choice, budget: float | None, affordable: bool, step_seconds: Mapping[int, float] | None
) -> None:
    trial = choice.trial
    if not affordable:
        choice.reasons.append(f"batch size {_USUAL_BATCH}: the usual one, there are no seconds to spare for measuring")
        return
    choice.batch = find_batch_size(
        trial.model,
        trial.x,
        trial.y,
        budget="epochs" if budget is None else "seconds",
        optimizer=trial.optimizer,
        sizes=SIZES if step_seconds is None else sorted(step_seconds),
        step_seconds=step_seconds,
        seed=trial.seed,
        **trial.options,
    )
    choice.size = choice.batch.size
    choice.reasons.append(str(choice.batch))


def _choose_rate(choice: _Choice, lr: Any, affordable: bool) -> None:
    trial = choice.trial
    if lr is not None:
        choice.rate = lr if isinstance(lr, Schedule) else check_positive("lr", lr)
        choice.reasons.append("learning rate: given")
        return
    if not affordable:
        choice.reasons.append(
            f"learning rate {_USUAL_RATE:g}: the usual one, there are no seconds to spare for a range test"
        )
        return
    choice.range_test = find_lr(
        trial.model,
        trial.x,
        trial.y,
        optimizer=trial.optimizer,
        batch_size=choice.size,
        seed=trial.seed,
        **trial.options,
    )
    choice.rate = choice.range_test.suggestion
    choice.reasons.append(f"learning rate {choice.rate:.2g}: in a range test {choice.range_test.reason}")


def _plan(
    choice: _Choice,
    probe: Any,
    validation: Any,
    left: float,
    steps_per_epoch: int,
    step_seconds: Mapping[int, float] | None,
) -> tuple[int, int]:
    """Steps and epochs that the time allows; less than an epoch ends in the middle of it."""
    known = step_seconds or (choice.batch.step_seconds if choice.batch is not None else {})
    step = known.get(choice.size) or measure(choice.trial, [choice.size])[choice.size]
    began = time.monotonic()
    if validation is not None:
        probe.loss_name = probe.loss_name or "mse"
        table = is_table(validation) or is_batches(validation)
        evaluate(probe, validation) if table else evaluate(probe, *validation[:2])
    epoch = step * steps_per_epoch + (time.monotonic() - began)
    total = int(_PLANNED * left / epoch)
    if total >= 1:
        return total * steps_per_epoch, total
    return max(1, min(int(_PLANNED * left / step), steps_per_epoch - 1)), 1
