"""``sprat.evaluate``: how good a model is on data."""

from __future__ import annotations

from typing import Any

from .._check import check_count
from .prepare import Preparation, is_batches
from .scores import score


def evaluate(
    model: Any, x: Any, y: Any = None, *, loss: Any = None, sample_weight: Any = None, batch_size: int = 1024
) -> dict[str, float]:
    """Loss and scores of a model on data, batch by batch.

    Parameters
    ----------
    model : nn.Model
    x, y
        Data as for ``fit``: arrays, memory map, table, or batches.
    loss : str, nn.losses object or callable, optional
        Default: the loss the model was trained with, else by y as in ``fit``.
    sample_weight : (rows,) array, optional
    batch_size : int
        Rows per forward pass.

    Returns
    -------
    dict
        ``loss``, and ``accuracy`` for classes or ``r2``, ``rmse``, ``mae`` for numbers (in the units of a table's
        target).

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([2, 3], seed=0)
    >>> scores = sprat.evaluate(model, np.eye(2, dtype=np.float32), np.array([0, 2]))
    >>> sorted(scores)
    ['accuracy', 'loss']
    """
    check_count("batch_size", batch_size)
    prepared = Preparation(model, loss if loss is not None else model.loss_name, batch_size)
    if is_batches(x):
        if y is not None or sample_weight is not None:
            raise ValueError("y, sample_weight: x is an iterator of batches, which bring their own")
        batches = prepared.batches(x).epoch(0)
        first = next(batches, None)
        if first is None:
            raise ValueError("x: the iterator is empty")
        assert prepared.targets is not None
        return score(model, (batch for part in ([first], batches) for batch in part), prepared.targets)
    arrays = prepared.arrays(x, y, sample_weight)
    assert prepared.targets is not None
    return score(model, prepared.source(arrays).epoch(0), prepared.targets)
