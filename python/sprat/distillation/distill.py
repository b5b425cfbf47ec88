"""``sprat.distill``: train a student on the targets and on what a teacher says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _device
from .._check import check_count
from ..nn import losses
from ..training.callbacks import Callback
from ..training.prepare import fit_encoder, is_table
from .hints import Hint
from .lesson import Asking, augmented, choices, plain
from .teacher import teacher_outputs

if TYPE_CHECKING:
    from ..nn import MLP
    from ..training import History
    from ..training.trainer import Trainer


def distill(
    teacher: Any,
    student: MLP,
    x: Any,
    y: Any = None,
    *,
    temperature: float = 4.0,
    alpha: float = 0.5,
    loss: Any = None,
    hints: Hint | None = None,
    augment: Any = None,
    augment_factor: int = 3,
    cache: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
    seed: int = 0,
    callbacks: Sequence[Any] = (),
    **options: Any,
) -> History:
    r"""Train a student on the targets and on what a teacher says about them (Hinton, Vinyals & Dean 2015).

    .. math::

       L = \alpha T^2 \, KL(\mathrm{softmax}(t / T) \,\|\, \mathrm{softmax}(s / T)) + (1 - \alpha) \, \mathrm{hard}(s, y)

    with t and s the raw outputs of teacher and student. The factor T^2 keeps the two parts in balance, since the
    gradient of the soft one shrinks as 1 / T^2. With one output column sigmoid stands for softmax. For regression the
    soft part is the hard loss against the teacher's values, and the temperature plays no role.

    Parameters
    ----------
    teacher
        A sprat model, a fitted estimator with ``predict_proba`` or ``predict``, a callable that gives raw outputs, an
        array of stored raw outputs (rows, out_features), or a list of teachers whose mean is taught. Asked once for
        every row, before training.
    student : nn.MLP
        Trained in place. Without an encoder of its own it takes that of a sprat teacher.
    x, y
        Training data as for :func:`sprat.fit`; batches from an iterator cannot be distilled from. ``y=None`` learns
        from the teacher alone (``alpha`` is 1 then).
    temperature : float
        Softens both distributions; 2 to 8 suit most classifications, 4 is the default.
    alpha : float
        The teacher's share, 0 to 1.
    loss : str or nn.losses object, optional
        The hard loss; default by y, as in :func:`sprat.fit`.
    hints : Hint, optional
        Teach a hidden layer first; the teacher must be one sprat model.
    augment : str, method object or callable, optional
        Make rows besides those there are and let the teacher answer them, as in :func:`augment_rows`: "munge" suits
        tables, "smote" images. Their targets are the teacher's answers too. One-hot columns of the student's encoder
        stay whole.
    augment_factor : int
        New rows for each row there is; an epoch grows by as much.
    cache : path, optional
        Where the teacher's outputs are kept: a name that ends in ``.npy``, or a folder. They are used again for the
        same teacher and rows, told by their content; a file of another teacher, other rows, or damaged, is replaced
        with a ``UserWarning``. Large files are mapped into memory.
    batch_size, seed, callbacks, **options
        As for :func:`sprat.fit`: epochs, lr, optimizer, validation, early_stopping, checkpoint, ...

    Returns
    -------
    History
        That of ``fit``: its loss is the combined one, its validation loss the hard one; with ``agreement``: for
        classification the share of training rows on which student and teacher choose the same class afterwards; for
        regression the coefficient of determination against the teacher.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument; nothing has changed then.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> teacher = sprat.nn.MLP([4, 64, 64, 2], seed=0)
    >>> _ = sprat.fit(teacher, x, y, epochs=30, lr=0.01)
    >>> student = sprat.nn.MLP([4, 16, 2], seed=1)
    >>> history = sprat.distill(teacher, student, x, y, epochs=30, lr=0.01)
    >>> history.agreement > 0.8
    True
    """
    _device.refuse("distill", teacher, student)
    from ..training import fit

    if callable(x) or not hasattr(x, "__len__"):
        raise TypeError("x: wanted an array or a table, to ask the teacher about; got batches")
    encoder = student.encoder if student.encoder is not None else getattr(teacher, "encoder", None)
    if encoder is None and is_table(x):
        encoder = fit_encoder(student, x, y, loss)
    classification = _is_classification(y, loss, student.out_features, encoder, teacher)
    hard = losses.get(loss) if loss is not None else _default_loss(classification, student.out_features)
    combined = losses.Distillation(temperature=temperature, alpha=1.0 if y is None else alpha, hard=hard)
    asking = Asking(teacher, student.out_features, classification, student.dtype, cache)
    if hints is not None and not hasattr(teacher, "hidden"):
        raise TypeError(f"hints: the teacher has no hidden layers to ask, it is a {type(teacher).__name__}")
    if augment is not None:
        _check_augmentation(teacher, augment_factor, options)
    before = (student.encoder, student.params.copy())
    student.encoder = encoder
    try:
        if augment is None:
            lesson = plain(asking, x, y, encoder)
        else:
            lesson = augmented(asking, x, y, encoder, augment, augment_factor, seed)
            if options.get("sample_weight") is not None:
                options["sample_weight"] = np.tile(options["sample_weight"], augment_factor + 1)
        if hints is not None:
            rows = lesson.x if not is_table(lesson.x) else student.encoder.transform(lesson.x)
            hints.train(teacher, student, rows, batch_size=batch_size, seed=seed)
        history = fit(
            student,
            lesson.x,
            lesson.y,
            loss=hard,
            batch_size=batch_size,
            seed=seed,
            callbacks=[_Lesson(combined, lesson.outputs), *callbacks],
            **options,
        )
    except (TypeError, ValueError):
        student.encoder = before[0]
        student.params[...] = before[1]
        raise
    history.agreement = _agreement(student, lesson.x, lesson.outputs, lesson.given, classification)
    return history


class _Lesson(Callback):
    """Lets ``fit`` take each step on the combined loss; its own loss, the hard one, measures the validation data."""

    def __init__(self, loss: losses.Distillation, outputs: NDArray[Any]) -> None:
        self._loss, self._outputs = loss, outputs

    def on_train_begin(self, trainer: Trainer) -> None:
        trainer.lesson = (self._loss, self._outputs)


def _check_augmentation(teacher: Any, factor: Any, options: dict[str, Any]) -> None:
    check_count("augment_factor", factor)
    if isinstance(teacher, np.ndarray):
        raise ValueError("augment: wanted a teacher that can be asked about new rows, got an array of stored outputs")
    if options.get("validation_split"):
        raise ValueError("validation_split: would measure on rows made up by augment; pass validation=")


def _is_classification(y: Any, loss: Any, columns: int, encoder: Any, teacher: Any) -> bool:
    if loss is not None:
        return losses.get(loss).name in ("cross_entropy", "bce_with_logits")
    if encoder is not None and encoder.task is not None:
        return bool(encoder.task == "classification")
    if y is not None:
        return np.asarray(y).dtype.kind != "f"
    name = getattr(teacher, "loss_name", None)
    if name is not None:
        return name in ("cross_entropy", "bce_with_logits")
    return hasattr(teacher, "predict_proba") or columns > 1


def _default_loss(classification: bool, columns: int) -> losses.Loss:
    if not classification:
        return losses.MSE()
    return losses.CrossEntropy() if columns > 1 else losses.BCEWithLogits()


def _agreement(student: MLP, x: Any, outputs: NDArray[Any], given: int, classification: bool) -> float:
    """On the rows that were given; those made besides them come after."""
    if isinstance(x, np.ndarray) and x.dtype.names is None:
        x = x[:given]
    own = teacher_outputs(student, x, student.out_features, classification=classification).astype(np.float64)
    teacher = outputs[:given]
    if classification:
        return float(np.mean(choices(own) == choices(teacher)))
    spread = np.sum((teacher - teacher.mean(axis=0)) ** 2)
    error = np.sum((own - teacher) ** 2)
    return float(1 - error / spread) if spread else float(error == 0)
