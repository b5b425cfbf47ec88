"""What pruning has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._device import to_host

if TYPE_CHECKING:
    from ..nn import MLP


@dataclass(frozen=True)
class Row:
    """One parameter: its name, elements, zeros, and how many of these a mask holds."""

    name: str
    size: int
    zeros: int
    masked: int

    @property
    def sparsity(self) -> float:
        """Share of zeros."""
        return self.zeros / self.size if self.size else 0.0


@dataclass(frozen=True)
class Report:
    """Zeros of a model, parameter by parameter; prints as a table.

    >>> import sprat
    >>> model = sprat.nn.MLP([4, 2, 1], seed=0)
    >>> _ = sprat.prune.magnitude(model, 0.5)
    >>> sprat.prune.report(model).zeros
    5
    """

    rows: tuple[Row, ...]

    @property
    def size(self) -> int:
        """Weights of the model (biases are not counted: pruning leaves them)."""
        return sum(row.size for row in self.rows)

    @property
    def zeros(self) -> int:
        """Weights that are zero."""
        return sum(row.zeros for row in self.rows)

    @property
    def sparsity(self) -> float:
        """Share of zeros among all weights."""
        return self.zeros / self.size if self.size else 0.0

    def __str__(self) -> str:
        lines = [f"{'parameter':<20}{'size':>10}{'zeros':>10}{'masked':>10}{'sparsity':>10}"]
        lines += [f"{r.name:<20}{r.size:>10}{r.zeros:>10}{r.masked:>10}{r.sparsity:>9.1%}" for r in self.rows]
        masked = sum(row.masked for row in self.rows)
        lines.append(f"{'all weights':<20}{self.size:>10}{self.zeros:>10}{masked:>10}{self.sparsity:>9.1%}")
        return "\n".join(line.rstrip() for line in lines)


def report(model: MLP) -> Report:
    """Count the zeros of a model's weights, and those that masks hold at zero.

    >>> import sprat
    >>> model = sprat.nn.MLP([4, 2, 1], seed=0)
    >>> _ = sprat.prune.magnitude(model, 0.5, scope="layer")
    >>> print(sprat.prune.report(model))
    parameter                 size     zeros    masked  sparsity
    layers.0.weight              8         4         4    50.0%
    layers.1.weight              2         1         1    50.0%
    all weights                 10         5         5    50.0%
    """
    rows = []
    for name, parameter in model.parameters().items():
        values = to_host(parameter)
        if name.endswith(".weight"):
            mask = model.masks.get(name)
            masked = 0 if mask is None else mask.size - int(np.count_nonzero(mask))
            rows.append(Row(name, values.size, values.size - int(np.count_nonzero(values)), masked))
    return Report(tuple(rows))
