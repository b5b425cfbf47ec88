"""The functions on device arrays that stand behind those of the package with the same names."""

from __future__ import annotations

from typing import Any

from ._arguments import FLOATS, Call
from ._array import Array, empty
from ._array import as_view as as_view
from ._native import module as native
from ._native import require as require
from ._network import LossOptions
from ._place import Cuda
from ._plan import OptimizerPlan as OptimizerPlan

_loss_options = LossOptions()


def softmax(x: Any, out: Any = None, *, log: bool = False) -> Any:
    """Of each row along the last axis; ``out`` may be ``x``."""
    call = Call(x)
    array = call.take("x", x, FLOATS)
    if not array.shape or array.shape[-1] == 0:
        raise ValueError(f"x: wanted at least one column, got shape {array.shape}")
    y = call.give("out", out, array.dtype, array.shape)
    columns = array.shape[-1]
    native().softmax(
        array.dtype.name, array.at(call.stream), y.at(call.stream), array.size // columns, columns, log, call.stream
    )
    return y if out is None else out


def log_softmax(x: Any, out: Any = None) -> Any:
    """Of each row along the last axis."""
    return softmax(x, out, log=True)


def loss(loss: Any, output: Any, target: Any, sample_weight: Any, teacher: Any) -> tuple[float, Array]:
    """The mean loss and its gradient."""
    call = Call(output)
    z = call.take("output", output, FLOATS)
    if z.ndim != 2:
        raise ValueError(f"output: wanted (rows, columns), got shape {z.shape}")
    rows, columns = z.shape
    t = None if target is None else Cuda.target(loss, target, rows, columns, z.dtype)
    weight = None if sample_weight is None else Cuda.vector("sample_weight", sample_weight, rows, z.dtype)
    soft = None if teacher is None else Cuda.matrix("teacher", teacher, columns, z.dtype, rows)
    grad = empty(z.shape, z.dtype)
    options = _loss_options.on(call.stream, loss.native_options(z.dtype))
    value = native().loss(
        options.pop("loss"),
        z.dtype.name,
        z.at(call.stream),
        0 if t is None else t.at(call.stream),
        rows,
        columns,
        grad.at(call.stream),
        call.stream,
        classes=t is not None and t.dtype.kind == "i",
        sample_weight=0 if weight is None else weight.at(call.stream),
        teacher=0 if soft is None else soft.at(call.stream),
        **options,
    )
    return float(value), grad
