"""``sprat.fit``: train a model on data."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import Any

import numpy as np

from .._check import check_choice, check_count, check_number
from .callbacks import AtEpochEnd, Callback, Checkpoint, EarlyStopping
from .data import Data, split_rows
from .gradients import gradient_order
from .history import History
from .prepare import Preparation, is_batches
from .progress import choose
from .trainer import Trainer
from .weighting import apply_class_weight


def fit(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = None,
    lr: Any = 1e-3,
    epochs: int = 10,
    batch_size: int = 64,
    validation: Any = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    seed: int = 0,
    sample_weight: Any = None,
    class_weight: Any = None,
    callbacks: Sequence[Callback | Callable[[Trainer], object]] = (),
    early_stopping: EarlyStopping | int | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    ema_decay: float | None = None,
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | str = "auto",
    on_nonfinite: str = "raise",
    qat: Any = None,
) -> History:
    """Train a model by mini-batches, in place.

    The order of the rows in epoch e is a function of (seed, e), the dropout of (seed, step), and the arithmetic gives
    the same bits on every instruction set and with any number of threads: the same call gives the same weights
    anywhere.

    Ctrl-C finishes the current step and returns the history there is; model and optimizer stand at that step. A second
    Ctrl-C raises ``KeyboardInterrupt``.

    Parameters
    ----------
    model : nn.MLP
        Trained in place. Frozen parameters stay as they are, masked weights stay zero.
    x : (rows, in_features) array, memory map, data frame or dict of columns, or batches
        Any real dtype. A memory map is read in batches, never as a whole. A table is coded by ``model.encoder``, which
        is learnt from the table when the model has none. Batches are an iterable of (x, y) or (x, y, sample_weight), or
        a callable that gives a new iterator for each epoch; y is then None.
    y : (rows,), (rows, 1) or (rows, out_features) array, or the name of a column of the table
        Class ids of any integer dtype, booleans, names (text), or floats.
    loss : str, nn.losses object or callable, optional
        Default by y: floats give "mse"; integers, booleans and names give "cross_entropy", or "bce_with_logits" when
        the model has one output. A callable is ``loss(output, target, sample_weight=None) -> (value, grad_output)``.
    optimizer : optim.Optimizer, class or name, optional
        Default ``optim.Adam`` with ``lr``. A ready one brings its own lr, clipping and average.
    lr : float or schedule
        Rate of the optimizer made here, per step. 1e-3 suits Adam on most small networks (Kingma & Ba 2015).
    epochs, batch_size : int
        The last batch of an epoch may be smaller; it is not dropped.
    validation : (x, y), (x, y, sample_weight), table, or batches, optional
        Measured after each epoch.
    validation_split : float
        Instead: share of the rows drawn at random by ``seed`` and kept from training.
    shuffle : bool
        False keeps the order of the rows. Batches of an iterator come as they are.
    seed : int
        Order of rows, validation rows and dropout; in [0, 2**63).
    sample_weight : (rows,) array, optional
        Finite, >= 0. The mean loss of a batch divides by the sum of its weights.
    class_weight : dict, (classes,) array or "balanced", optional
        By id or name of the class.
    callbacks : sequence
        ``Callback`` objects, or functions of the trainer that are called after each epoch.
    early_stopping : int or EarlyStopping, optional
        A number is the patience. The best weights are put back at the end.
    clip_norm, clip_value, ema_decay : float, optional
        Passed to the optimizer made here. With ``ema_decay`` validation measures the averaged weights, and the model
        has them at the end.
    checkpoint : path or Checkpoint, optional
        Where to save the training state after each epoch (a ``Checkpoint`` says how often).
    resume : bool
        Go on from the checkpoint if it is there: the result has the bits of a run that was never stopped.
    progress : "auto", bool, "rich" or "tqdm"
        "auto": a bar when stderr is a terminal and rich or tqdm is installed.
    on_nonfinite : "raise" or "stop"
        What happens when loss, gradient or weights would become NaN or infinite. The step is not taken either way:
        NonFiniteError (its ``history`` attribute has what there is), or return with ``stopped_by="nonfinite"``.
    qat : quantization.QATConfig, optional
        Train with fake quantization: its ``attach(trainer)`` is called once before the run.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        One line that names the argument; nothing has changed then.
    NonFiniteError
        See ``on_nonfinite``.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = sprat.nn.MLP([1, 16, 1], activation="tanh", seed=0)
    >>> history = sprat.fit(model, x, np.sin(3 * x), epochs=50, batch_size=16, lr=0.01)
    >>> history.stopped_by, history["loss"][-1] < 0.1 * history["loss"][0]
    ('epochs', True)
    """
    _check_roles(model, optimizer, qat)
    _check(epochs, batch_size, validation, validation_split, seed, on_nonfinite, progress, x, y)
    prepared = Preparation(model, loss, batch_size)
    data, held_out = _training_data(
        prepared, x, y, sample_weight, class_weight, validation_split, shuffle, seed, epochs
    )
    if validation is not None:
        held_out = _validation_data(prepared, validation)
    targets = prepared.targets
    assert targets is not None
    if optimizer is None or isinstance(optimizer, (str, type)):
        optimizer = make_optimizer(model, optimizer, lr, clip_norm, clip_value, ema_decay)
    else:
        for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value), ("ema_decay", ema_decay)):
            if value is not None:
                raise ValueError(f"{name}: belongs to the optimizer, and this one is ready made; pass it there")
    trainer = Trainer(
        model,
        optimizer,
        data,
        targets,
        epochs=epochs,
        validation=held_out,
        callbacks=_callbacks(callbacks, early_stopping, checkpoint),
        seed=seed,
        on_nonfinite=on_nonfinite,
        progress=progress,
        settings={
            "seed": seed,
            "batch_size": batch_size,
            "shuffle": bool(shuffle),
            "rows": getattr(data, "num_rows", None),
            "loss": targets.loss_name,
            "optimizer": type(optimizer).__name__,
            **{name: getattr(optimizer, name, None) for name in ("clip_norm", "clip_value", "ema_decay")},
        },
    )
    gradient_order(model, optimizer)
    trainer.masks_changed()
    if qat is not None:
        qat.attach(trainer)
    if resume:
        _resume(trainer)
    before = (trainer.step, model.encoder, model.loss_name)
    model.encoder, model.loss_name = prepared.encoder, targets.loss_name
    if prepared.encoder is None:
        model.class_names = targets.class_names
    try:
        return trainer.run()
    except (TypeError, ValueError):
        if trainer.step == before[0]:  # a callback or a batch was refused before anything had changed
            _, model.encoder, model.loss_name = before
        raise


def _check_roles(model: Any, optimizer: Any, qat: Any) -> None:
    """Each in its place: a wrong one would be told by an attribute that it lacks."""
    if not hasattr(model, "loss_and_gradients"):
        raise TypeError(f"model: wanted an nn.MLP, got a {type(model).__name__}")
    if not isinstance(optimizer, (str, type, NoneType)) and not hasattr(optimizer, "step"):
        raise TypeError(f"optimizer: wanted an optimizer, its class or its name, got a {type(optimizer).__name__}")
    if qat is not None and not hasattr(qat, "attach"):
        raise TypeError(f"qat: wanted a quantization.QATConfig, got a {type(qat).__name__}")


def _check(
    epochs: Any,
    batch_size: Any,
    validation: Any,
    split: float,
    seed: Any,
    on_nonfinite: str,
    progress: bool | str,
    x: Any,
    y: Any,
) -> None:
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)
    check_count("seed", seed, 0)
    check_number("validation_split", split, 0, 1, open_high=True)
    if split and validation is not None:
        raise ValueError("validation_split: validation data are given as well; pass one of the two")
    choose(progress)
    check_choice("on_nonfinite", on_nonfinite, ("raise", "stop"))
    if is_batches(x):
        if y is not None:
            raise ValueError("y: x is an iterator of batches, which bring their own targets")
        if split:
            raise ValueError("validation_split: needs arrays; pass validation=")
        if hasattr(x, "__next__") and epochs > 1:
            raise ValueError(f"x: an iterator lasts one epoch, epochs={epochs}; pass a callable that gives iterators")


def _training_data(
    prepared: Preparation,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    split: float,
    shuffle: bool,
    seed: int,
    epochs: int,
) -> tuple[Data, Data | None]:
    if is_batches(x):
        if sample_weight is not None:
            raise ValueError("sample_weight: x is an iterator of batches; give (x, y, sample_weight) batches")
        if hasattr(x, "__next__"):
            first = next(x, None)
            if first is None:
                raise ValueError("x: the iterator is empty")
            prepared.peek([first])
            x = itertools.chain([first], x)
        else:
            prepared.peek(x)
        assert prepared.targets is not None
        prepared.targets, _ = apply_class_weight(prepared.targets, class_weight, None, None)
        return prepared.batches(x), None
    arrays = prepared.arrays(x, y, sample_weight)
    assert prepared.targets is not None
    if class_weight is not None:
        rows = prepared.targets.rows(arrays.y, len(arrays))
        ids = rows.buffer(len(rows))
        rows.gather(np.arange(len(rows)), ids)
        classes = ids.astype(np.int64).reshape(-1) if ids.size == len(ids) else None
        prepared.targets, arrays.weight = apply_class_weight(prepared.targets, class_weight, classes, arrays.weight)
    training, validation = split_rows(len(arrays), split, seed) if split else (None, None)
    data = prepared.source(arrays, rows=training, seed=seed if shuffle else None)
    return data, prepared.source(arrays, rows=validation) if validation is not None else None


def _validation_data(prepared: Preparation, validation: Any) -> Data:
    if isinstance(validation, (tuple, list)):
        if len(validation) not in (2, 3):
            raise ValueError(f"validation: wanted (x, y) or (x, y, sample_weight), got {len(validation)} parts")
        weight = validation[2] if len(validation) == 3 else None
        arrays = prepared.arrays(validation[0], validation[1], weight, "validation x")
        return prepared.source(arrays, what="validation y")
    if is_batches(validation):
        if hasattr(validation, "__next__"):
            raise ValueError("validation: an iterator lasts one epoch; pass a callable that gives iterators")
        return prepared.batches(validation)
    return prepared.source(prepared.arrays(validation, None, None, "validation x"), what="validation y")


def make_optimizer(model: Any, choice: Any, lr: Any, clip_norm: Any, clip_value: Any, ema_decay: Any) -> Any:
    """An optimizer of the model by its name or class; None is Adam."""
    from .. import optim

    if isinstance(choice, str):
        names = {name.lower(): name for name in dir(optim) if isinstance(getattr(optim, name), type)}
        names.pop("optimizer", None)
        if choice.lower() not in names:
            raise ValueError(f"optimizer: there is no {choice!r}")
        choice = getattr(optim, names[choice.lower()])
    make = choice or optim.Adam
    return make(model, lr=lr, clip_norm=clip_norm, clip_value=clip_value, ema_decay=ema_decay)


def _callbacks(callbacks: Any, early_stopping: Any, checkpoint: Any) -> list[Callback]:
    result: list[Callback] = []
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks: wanted a list of Callback objects or functions, got a {type(callbacks).__name__}")
    for callback in callbacks:
        if not isinstance(callback, Callback) and not callable(callback):
            raise TypeError(f"callbacks: wanted Callback objects or functions, got a {type(callback).__name__}")
        result.append(callback if isinstance(callback, Callback) else AtEpochEnd(callback))
    if early_stopping is not None and early_stopping is not False:
        made = EarlyStopping() if early_stopping is True else early_stopping
        result.append(made if isinstance(made, EarlyStopping) else EarlyStopping(patience=made))
    # Last, so that what it saves includes what the others decided.
    if checkpoint is not None:
        result.append(checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint))
    return sorted(result, key=lambda callback: isinstance(callback, Checkpoint))


def _resume(trainer: Trainer) -> None:
    paths = [callback.path for callback in trainer.callbacks if isinstance(callback, Checkpoint)]
    if not paths:
        raise ValueError("resume: wanted checkpoint=path as well, to know from where")
    if os.path.exists(paths[-1]):
        from ..io import load_training

        load_training(paths[-1]).restore(trainer)
