"""Where the time of a prediction goes, layer by layer, and how much of it the machine forbids to save."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _check, _core, _device, runtime
from ..nn.mlp import MLP
from ..packing.clock import seconds_in_turns
from ..packing.formats import BLOCKS
from ..packing.layer import PackedLayer
from ..packing.model import PackedMLP
from .predictor import Predictor

__all__ = ["Explanation", "LayerCost", "explain"]


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs, alone, for the rows of a batch on one thread.

    Attributes
    ----------
    name : str
        "layers.0" and so on.
    shape : (out_features, in_features)
    format : str
        Of the weights, with how zeros are left out: "float32", "int8", "float32 unstructured", ...
    seconds : float
        From float rows to float rows.
    bytes : int
        Of weights, scales and biases.
    multiply_adds : int
        That the kernel cannot leave out, for all rows.
    limit : float or None
        Seconds that the machine needs at least; None where it is not known (bfloat16 products).
    limited_by : str
        "arithmetic": multiply-adds at the peak of this instruction set; "reading": the weights at the bandwidth of the
        caches they fit; "" where the limit is not known.
    kernel : str
        How it is computed.
    reason : str
        Why in this format, where :func:`sprat.pack` chose it.

    >>> from sprat.inference import LayerCost
    >>> LayerCost("layers.0", (10, 64), "int8", 2e-7, 720, 640, 5e-8, "reading", "outputs are the lanes", "").share
    0.25
    """

    name: str
    shape: tuple[int, int]
    format: str
    seconds: float
    bytes: int
    multiply_adds: int
    limit: float | None
    limited_by: str
    kernel: str
    reason: str

    @property
    def share(self) -> float | None:
        """Share of the limit that is reached; 1 is as fast as the machine can."""
        return None if self.limit is None else self.limit / self.seconds


@dataclass(frozen=True)
class Explanation:
    """What :func:`explain` has found; prints as a table.

    Attributes
    ----------
    rows : int
    seconds : float
        Of a call of the whole model. Layers alone may take longer together: in the model integers go from layer to
        layer as they are, and small layers share what a call costs.
    layers : tuple of LayerCost
    isa : str
        The instruction set in use.

    >>> import numpy as np, sprat
    >>> found = sprat.explain(sprat.nn.MLP([4, 8, 2]), np.ones((3, 4)), seconds=0.01)
    >>> type(found).__name__, found.rows, len(str(found).splitlines())
    ('Explanation', 3, 6)
    """

    rows: int
    seconds: float
    layers: tuple[LayerCost, ...]
    isa: str

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        lines = [
            f"{rows}, one thread, {self.isa}: {1e6 * self.seconds:.3g} us a call",
            f"{'layer':<10}{'shape':>12}  {'format':<22}{'us':>9}{'bytes':>10}{'GFLOP/s':>9}{'limit us':>10}{'reached':>9}"
            "  limited by",
        ]
        for layer in self.layers:
            shape = "x".join(str(n) for n in layer.shape)
            rate = 2e-9 * layer.multiply_adds / layer.seconds
            limit = "-" if layer.limit is None else f"{1e6 * layer.limit:.3g}"
            reached = "-" if layer.share is None else f"{layer.share:.0%}"
            lines.append(
                f"{layer.name:<10}{shape:>12}  {layer.format:<22}{1e6 * layer.seconds:>9.3g}{layer.bytes:>10,}{rate:>9.3g}"
                f"{limit:>10}{reached:>9}  {layer.limited_by}"
            )
        for layer in self.layers:
            why = f"; {layer.reason}" if layer.reason else ""
            lines.append(f"{layer.name}: {layer.kernel}{why}")
        return "\n".join(lines)


def explain(model: MLP | PackedMLP, batch: npt.ArrayLike, *, seconds: float = 0.1) -> Explanation:
    """Per layer: time, bytes, limit of the machine, share of it that is reached, kernel and why.

    Parameters
    ----------
    model : nn.MLP or PackedMLP
        As a :class:`Predictor` of it would run.
    batch : array_like (rows, in_features), or a table when the model has an encoder
        Rows of a call; their number decides which kernels run.
    seconds : float
        About how long to measure.

    Returns
    -------
    Explanation
        Of one thread. The machine's limits are measured in the same moment, for some milliseconds.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> found = sprat.explain(sprat.nn.MLP([64, 128, 10]), np.ones((32, 64)), seconds=0.01)
    >>> [layer.shape for layer in found.layers], found.layers[0].format
    ([(128, 64), (10, 128)], 'float32')
    >>> print(sprat.explain(sprat.nn.MLP([4, 2]), np.ones((1, 4)), seconds=0.01))  # doctest: +ELLIPSIS
    1 row, one thread, ...
    """
    _device.refuse("explain", model, batch)
    if not isinstance(model, (MLP, PackedMLP)):
        raise TypeError(f"model: wanted an nn.MLP or a PackedMLP, got {type(model).__name__}")
    _check.check_positive("seconds", seconds)
    x = model._inputs(batch)
    if x.shape[0] == 0:
        raise ValueError("batch: wanted at least one row")
    parts = [_alone(model, index, x) for index in range(len(model.layers))]
    whole = Predictor(model)
    out = np.empty((x.shape[0], model.out_features), model.dtype)
    calls: list[Callable[[], object]] = [functools.partial(whole, x, out=out)]
    calls += [part.call for part in parts]
    with runtime.threads(1):
        total, *each = seconds_in_turns(calls, seconds / len(calls))
    limits = _Limits(sum(part.bytes for part in parts))
    costs = []
    for index, (part, taken) in enumerate(zip(parts, each, strict=True)):
        limit, limited_by = limits.of(part)
        costs.append(
            LayerCost(
                f"layers.{index}",
                part.shape,
                part.format,
                taken,
                part.bytes,
                part.multiply_adds,
                limit,
                limited_by,
                part.kernel,
                part.reason,
            )
        )
    return Explanation(x.shape[0], total, tuple(costs), _core.isa())


@dataclass(frozen=True)
class _Part:
    """One layer as a model of its own, ready to be called."""

    call: Callable[[], object]
    shape: tuple[int, int]
    format: str
    peak: str | None  # what its arithmetic is compared with: "float32", "float64", "int8"
    bytes: int
    multiply_adds: int
    kernel: str
    reason: str


def _alone(model: MLP | PackedMLP, index: int, x: Any) -> _Part:
    rows = np.ascontiguousarray(x if index == 0 else model.hidden(x, index - 1))
    count = rows.shape[0]
    reason = ""
    if isinstance(model, PackedMLP):
        layer = model.layers[index]
        single: MLP | PackedMLP
        single = packed = PackedMLP([layer])
        multiply_adds, size, format = _left(layer), packed.nbytes, layer.format
        peak = None if layer.products == "bfloat16" else "int8" if layer.is_integer else "float32"
        reason = model.plan[index].split(": ", 1)[1] if model.plan else ""
    else:
        parameters = model.parameters()
        names = [name for name in (f"layers.{index}.weight", f"layers.{index}.bias") if name in parameters]
        single = MLP.from_layers(
            [replace(model.layers[index], dropout=0.0)],
            {name.replace(f"layers.{index}.", "layers.0."): parameters[name] for name in names},
            str(model.dtype),
        )
        multiply_adds, size = single.in_features * single.out_features, single.params.nbytes
        format = peak = str(model.dtype)
    predict = Predictor(single)
    out = np.empty((count, single.out_features), single.dtype)
    kernel = predict._native.kernel(0, count)
    shape = (single.out_features, single.in_features)
    call = functools.partial(predict, rows, out=out)
    return _Part(call, shape, format, peak, size, multiply_adds * count, kernel, reason)


def _left(layer: PackedLayer) -> int:
    """Multiply-adds of one row that zeros do not save."""
    if layer.zeros == "dense":
        return int(layer.weight.size)
    if layer.zeros == "unstructured":
        return int(np.count_nonzero(layer.weight))
    high, wide = BLOCKS[layer.weights]
    rows, columns = (-(-n // unit) * unit for n, unit in zip(layer.weight.shape, (high, wide), strict=True))
    padded = np.zeros((rows, columns), bool)
    padded[: layer.out_features, : layer.in_features] = layer.weight != 0
    blocks = padded.reshape(rows // high, high, columns // wide, wide).any(axis=(1, 3))
    return int(blocks.sum()) * high * wide


class _Limits:
    """What one thread can do, for weights of so many bytes that stay in the caches from call to call."""

    def __init__(self, working_set: int) -> None:
        products = _core.limit_of_products(False)
        self._per_second = {"float32": products, "float64": products / 2, "int8": _core.limit_of_products(True)}
        self._reading = _core.limit_of_reading(max(working_set, 4096))

    def of(self, part: _Part) -> tuple[float | None, str]:
        """Seconds that a layer needs at least, and what needs them."""
        if part.peak is None:
            return None, ""
        arithmetic = 2 * part.multiply_adds / self._per_second[part.peak]
        reading = part.bytes / self._reading
        return (arithmetic, "arithmetic") if arithmetic >= reading else (reading, "reading")
