"""From which sparsity on zeros pay, measured on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .clock import layer_seconds
from .formats import MAX_INTEGER_INPUTS
from .layer import PackedLayer

__all__ = ["BreakEven", "Curve", "break_even"]

_SPARSITIES = (0.0, 0.5, 0.75, 0.875, 0.9375)


@dataclass(frozen=True)
class Curve:
    """One way to leave zeros out: its time at some sparsities.

    Attributes
    ----------
    pattern : str
        "unstructured", "balanced" (n of every 32 inputs of each output: "n:32" of :mod:`sprat.prune.patterns`), "blocks"
        (of 16 outputs by one input), or "int8 blocks" (16 outputs by four inputs, int8 weights: "16x4").
    sparsities : tuple of float
        Shares of zeros that were measured.
    seconds : tuple of float
        Of one call at each of them.
    dense : float
        Seconds of the dense layer of the same format.

    >>> from sprat.packing import Curve
    >>> curve = Curve("blocks", (0.0, 0.5, 1.0), (4e-6, 2e-6, 0.5e-6), dense=3e-6)
    >>> round(curve.pays_from, 6), round(1e6 * curve.at(0.75), 6)
    (0.25, 1.25)
    """

    pattern: str
    sparsities: tuple[float, ...]
    seconds: tuple[float, ...]
    dense: float

    def at(self, sparsity: float) -> float:
        """Seconds at a sparsity, linear between those that were measured."""
        return float(np.interp(sparsity, self.sparsities, self.seconds))

    @property
    def pays_from(self) -> float | None:
        """The sparsity from which on this way stays faster than the dense one; None: it does not get there."""
        points = list(zip(self.sparsities, self.seconds, strict=True))
        if points[-1][1] >= self.dense:
            return None
        for (low, slow), (high, fast) in zip(reversed(points[:-1]), reversed(points[1:]), strict=True):
            if slow >= self.dense:
                return low + (high - low) * (slow - self.dense) / (slow - fast)
        return points[0][0]


@dataclass(frozen=True)
class BreakEven:
    """What :func:`break_even` has found; prints as a table.

    Attributes
    ----------
    shape : (out_features, in_features)
    batch : int
    curves : tuple of Curve

    >>> from sprat.packing import BreakEven, Curve
    >>> found = BreakEven((64, 64), 1, (Curve("blocks", (0.0, 0.5, 1.0), (4e-6, 2e-6, 0.5e-6), dense=3e-6),))
    >>> print(found)
    weight 64 x 64, batch 1: microseconds at a share of zeros
    pattern           dense      0.5        1   pays from
    blocks                3        2      0.5         25%
    """

    shape: tuple[int, int]
    batch: int
    curves: tuple[Curve, ...]

    def __getitem__(self, pattern: str) -> Curve:
        """The curve of a pattern."""
        for curve in self.curves:
            if curve.pattern == pattern:
                return curve
        raise KeyError(f"pattern: wanted one of {', '.join(curve.pattern for curve in self.curves)}, got {pattern!r}")

    def __str__(self) -> str:
        marks = self.curves[0].sparsities[1:]
        head = "".join(f"{f'{mark:.4g}':>9}" for mark in marks)
        lines = [
            f"weight {self.shape[0]} x {self.shape[1]}, batch {self.batch}: microseconds at a share of zeros",
            f"{'pattern':<14}{'dense':>9}{head}{'pays from':>12}",
        ]
        for curve in self.curves:
            times = "".join(f"{1e6 * seconds:>9.3g}" for seconds in curve.seconds[1:])
            pays = "never" if curve.pays_from is None else f"{curve.pays_from:.0%}"
            lines.append(f"{curve.pattern:<14}{1e6 * curve.dense:>9.3g}{times}{pays:>12}")
        return "\n".join(lines)


def break_even(shape: Sequence[int], batch: int = 1, *, seconds: float = 0.2, seed: int = 0) -> BreakEven:
    """Which share of zeros makes a layer faster than the dense one, before anything is pruned.

    Layers of random weights are timed on this machine, dense and at 50 to 94 % zeros in the patterns that the kernels
    know; times between are interpolated.

    Parameters
    ----------
    shape : (out_features, in_features)
        Of the weight. With more than 65793 inputs, which integers cannot sum, there is no curve for int8.
    batch : int
        Rows of a call.
    seconds : float
        About how long to measure.
    seed : int
        Of weights and patterns.

    Returns
    -------
    BreakEven

    Examples
    --------
    >>> import sprat
    >>> found = sprat.break_even((64, 128), batch=32, seconds=0.02)
    >>> sorted(curve.pattern for curve in found.curves)
    ['balanced', 'blocks', 'int8 blocks', 'unstructured']
    >>> found["blocks"].at(0.9) > 0
    True
    """
    outputs, inputs = _sizes(shape)
    rows = _check.check_count("batch", batch, 1)
    _check.check_positive("seconds", seconds)
    rng = np.random.default_rng(_check.check_count("seed", seed, 0))
    weight = rng.standard_normal((outputs, inputs)).astype(np.float32)
    codes = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    scale = np.full(outputs, 0.01, np.float32)

    def float_layer(kept: NDArray[np.bool_], zeros: str) -> PackedLayer:
        return PackedLayer(np.where(kept, weight, np.float32(0)), weights="float32", zeros=zeros)

    def int8_layer(kept: NDArray[np.bool_], zeros: str) -> PackedLayer:
        return PackedLayer(np.where(kept, codes, np.int8(0)), scale, None, "identity", 0.05, 128, zeros=zeros)

    kinds = [
        ("unstructured", float_layer, "unstructured", "unstructured"),
        ("balanced", float_layer, "unstructured", "n:32"),
        ("blocks", float_layer, "blocks", "blocks"),
    ]
    if inputs <= MAX_INTEGER_INPUTS:
        kinds.append(("int8 blocks", int8_layer, "blocks", "16x4"))
    share = seconds / (len(kinds) * (len(_SPARSITIES) + 1))
    curves = []
    for pattern, layer, zeros, rule in kinds:
        kept = [_mask(rule, rng.random((outputs, inputs)), sparsity) for sparsity in _SPARSITIES]
        layers = [layer(kept[0], "dense"), *(layer(mask, zeros) for mask in kept)]
        dense, *times = layer_seconds([one.checked(0) for one in layers], rows, share)
        curves.append(Curve(pattern, _SPARSITIES, tuple(times), dense))
    return BreakEven((outputs, inputs), rows, tuple(curves))


def _sizes(shape: Sequence[int]) -> tuple[int, int]:
    try:
        outputs, inputs = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape: wanted (out_features, in_features), got {_check.short(shape)}") from None
    return _check.check_count("shape", outputs, 1), _check.check_count("shape", inputs, 1)


def _mask(pattern: str, scores: NDArray[np.float64], sparsity: float) -> NDArray[np.bool_]:
    """What a pattern of :mod:`sprat.prune` keeps of such scores."""
    from ..prune import patterns

    kept: NDArray[np.bool_] = patterns.get(pattern).keep({"weight": scores}, sparsity)["weight"] != 0
    return kept
