"""The rows that criteria look at, read as ``fit`` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..nn import MLP
    from ..training.data import Batch

_BATCH_ROWS = 1024


def labelled_batches(model: MLP, data: Any, loss: Any, batch_rows: int = _BATCH_ROWS) -> tuple[Any, Iterator[Batch]]:
    """The loss, and batches (x, y, weight) in the order of the rows.

    ``data`` is (x, y) or (x, y, sample_weight), or a table with its target; ``loss`` None: the model's own, else by y.
    """
    from ..training.prepare import Preparation, is_table

    if is_table(data):
        data = (data, None)
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValueError(f"data: wanted (x, y) or (x, y, sample_weight), got {type(data).__name__}")
    prepared = Preparation(model, loss if loss is not None else model.loss_name, batch_rows)
    arrays = prepared.arrays(data[0], data[1], data[2] if len(data) == 3 else None, "data x")
    source = prepared.source(arrays, what="data y")
    assert prepared.targets is not None
    return prepared.targets.loss, source.epoch(0)


def input_batches(model: MLP, data: Any) -> Iterator[Any]:
    """The inputs of ``data``, rows or a tuple (rows, y ...), as matrices of the model's dtype."""
    try:
        inputs = model._inputs(data[0] if isinstance(data, tuple) else data)
    except (TypeError, ValueError) as error:
        raise type(error)(f"data {error}") from None
    if len(inputs) == 0:
        raise ValueError("data x: wanted at least one row, got none")
    for start in range(0, len(inputs), _BATCH_ROWS):
        yield inputs[start : start + _BATCH_ROWS]
