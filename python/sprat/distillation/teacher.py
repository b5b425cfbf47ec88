"""Any teacher as raw outputs: what a student with the same output layer should say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..nn.model import Model

# A probability of 0 has no logarithm. Below this share a class does not matter for a student, at any temperature in
# use.
_LEAST_PROBABILITY = 1e-12
# What sums of float32 may leave beyond 0 and 1.
_ROUNDING = 1e-4


def teacher_outputs(
    teacher: Any, x: Any, columns: int, *, classification: bool, batch_size: int = 1024, encoder: Any = None
) -> NDArray[np.floating]:
    """What a teacher says about the rows of x, as raw outputs (logits, or values for regression).

    Parameters
    ----------
    teacher
        - a sprat model or ``Predictor``: its raw outputs;
        - a fitted estimator with ``predict_proba`` (classification) or ``predict`` (regression);
        - any other callable: ``teacher(x)`` gives raw outputs, (rows, columns);
        - an array of stored raw outputs, one row for each row of x;
        - a list of teachers: the logarithm of their mean probability, or their mean value.
    x
        Array or table, as the teachers take it.
    columns : int
        Outputs of the student. With one column and classification, probabilities become the logit of class 1.
    classification : bool
        Whether outputs are logits.
    batch_size : int
        Rows that a sprat model is asked for at a time.
    encoder : tabular.Encoder, optional
        The student's, when x is a table: what ``predict`` of an estimator gives in the units of the table's target is
        standardised as the student's own values are.

    Returns
    -------
    ndarray (rows, columns)

    Raises
    ------
    TypeError, ValueError
        One line that says what the teacher gave.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.distillation import teacher_outputs
    >>> class Coin:
    ...     def predict_proba(self, x):
    ...         return np.full((len(x), 2), 0.5)
    >>> teacher_outputs(Coin(), np.zeros((1, 3)), 2, classification=True).round(3)
    array([[-0.693, -0.693]])
    """
    if isinstance(teacher, (list, tuple)):
        return _ensemble(teacher, x, columns, classification, batch_size, encoder)
    if isinstance(teacher, np.ndarray):
        return _checked("teacher", teacher, _rows(x), columns)
    if isinstance(teacher, Model):
        return _checked("teacher", _in_batches(teacher, x, batch_size), _rows(x), columns)
    if classification and hasattr(teacher, "predict_proba"):
        return _logits(
            np.asarray(teacher.predict_proba(x), np.float64), _rows(x), columns, getattr(teacher, "classes_", None)
        )
    if not classification and hasattr(teacher, "predict"):
        values = np.asarray(teacher.predict(x))
        if encoder is not None and encoder.target is not None:
            values = np.asarray(encoder.transform_target(values))
        return _checked("teacher.predict", values, _rows(x), columns)
    if callable(teacher):
        return _checked("teacher", np.asarray(teacher(x)), _rows(x), columns)
    wanted = "predict_proba" if classification else "predict"
    raise TypeError(
        f"teacher: wanted a model, an estimator with {wanted}, a callable, an array of outputs or a list of these, "
        f"got a {type(teacher).__name__}"
    )


def _ensemble(
    teachers: Sequence[Any], x: Any, columns: int, classification: bool, batch_size: int, encoder: Any
) -> NDArray[np.floating]:
    if not teachers:
        raise ValueError("teacher: wanted at least one, got an empty list")
    outputs = [
        teacher_outputs(t, x, columns, classification=classification, batch_size=batch_size, encoder=encoder)
        for t in teachers
    ]
    if not classification:
        mean: NDArray[np.floating] = np.mean(outputs, axis=0)
        return mean
    probabilities = np.mean([_probabilities(output.astype(np.float64)) for output in outputs], axis=0)
    return _logits(probabilities, _rows(x), columns, None)


def _probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the classes; one column is the logit of class 1 against 0."""
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def _logits(probabilities: NDArray[np.float64], rows: int, columns: int, classes: Any) -> NDArray[np.float64]:
    if classes is not None and np.issubdtype(np.asarray(classes).dtype, np.number):
        ids = np.asarray(classes)
        if ids.size and (ids.min() < 0 or ids.max() >= max(columns, 2) or (ids != ids.astype(int)).any()):
            raise ValueError(f"teacher.classes_: wanted ids from 0 to {max(columns, 2) - 1}, got {ids.tolist()}")
        if ids.size < max(columns, 2) and probabilities.shape[1] == ids.size:
            # Classes that the teacher has never seen.
            whole = np.zeros((len(probabilities), max(columns, 2)))
            whole[:, ids.astype(int)] = probabilities
            probabilities = whole
    low, high = (float(probabilities.min()), float(probabilities.max())) if probabilities.size else (0.0, 1.0)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ValueError(f"teacher.predict_proba: wanted probabilities from 0 to 1, got {low:g} to {high:g}")
    logits = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    if columns == 1 and logits.ndim == 2 and logits.shape[1] == 2:
        logits = logits[:, 1:] - logits[:, :1]
    return _checked("teacher.predict_proba", logits, rows, columns).astype(np.float64)


def _rows(x: Any) -> int:
    return len(next(iter(x.values()))) if isinstance(x, Mapping) else len(x)


def _in_batches(model: Callable[[Any], NDArray[Any]], x: Any, batch_size: int) -> NDArray[Any]:
    if not isinstance(x, np.ndarray):
        return model(x)
    return np.concatenate([model(x[i : i + batch_size]) for i in range(0, max(len(x), 1), batch_size)])


def _checked(name: str, output: NDArray[Any], rows: int, columns: int) -> NDArray[np.floating]:
    if output.ndim == 1 and columns == 1:
        output = output[:, None]
    if output.shape != (rows, columns):
        raise ValueError(f"{name}: wanted outputs of shape ({rows}, {columns}), got {output.shape}")
    if output.dtype.kind not in "fiu":
        raise ValueError(f"{name}: wanted finite numbers, got {output.dtype}")
    if not np.isfinite(output).all():
        raise ValueError(f"{name}: wanted finite numbers, got {output.dtype} with NaN or infinity")
    return output
