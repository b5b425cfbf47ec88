"""Which format of a layer is the fastest here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .clock import layer_seconds, network_seconds
from .layer import PackedLayer

__all__ = ["PLANS", "Choice", "fastest", "together", "ways_of"]

PLANS = ("fastest", "as asked")
# The same work twice differs by so much: what is slower by less is not called slower.
_NOISE = 1.05
# Below this share of zeros no way of leaving them out has ever paid, so none is timed.
_LEAST_ZEROS = 0.3


@dataclass(frozen=True)
class Choice:
    """A layer, and why it is this one.

    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> from sprat.packing.plan import Choice
    >>> Choice(PackedLayer(np.ones((1, 2), np.float32), weights="float32"), "float32, as asked").reason
    'float32, as asked'
    """

    layer: PackedLayer
    reason: str


def ways_of(layer: PackedLayer) -> list[str]:
    """The ways to leave zeros out that a format offers, the dense one first.

    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> from sprat.packing.plan import ways_of
    >>> ways_of(PackedLayer(np.ones((1, 2), np.float32), weights="float32"))
    ['dense', 'unstructured', 'blocks']
    """
    return {"float32": ["dense", "unstructured", "blocks"], "int8": ["dense", "blocks"]}.get(layer.weights, ["dense"])


def fastest(asked: PackedLayer, plain: PackedLayer, choose_zeros: bool, plan: str, batches: Sequence[int]) -> Choice:
    """The fastest of what was asked for, and of ``plain``, dense float32, unless the plan is "as asked".

    A layer is as slow as its worst case: times are taken relative to ``plain`` for each number of rows, and the largest
    counts.

    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> from sprat.packing.plan import fastest
    >>> layer = PackedLayer(np.ones((4, 8), np.float32), weights="float32")
    >>> fastest(layer, layer, choose_zeros=True, plan="fastest", batches=[1]).reason  # nothing to choose
    'float32, as asked'
    """
    zeros = 1 - np.count_nonzero(asked.weight) / asked.weight.size
    ways = ways_of(asked) if choose_zeros and zeros >= _LEAST_ZEROS else [asked.zeros]
    candidates = [replace(asked, zeros=way) for way in ways]
    to_compare = plan == "fastest" and asked.weights != "float32"
    if len(candidates) == 1 and not to_compare:
        return Choice(asked, f"{asked.format}, as asked")
    everything = [plain, *candidates]
    times = [layer_seconds(everything, rows) for rows in batches]
    worst = [max(taken[i] / taken[0] for taken in times) for i in range(len(everything))]
    best = min(range(1, len(everything)), key=worst.__getitem__)
    shown = ", ".join(
        f"{_time(taken[best])} ({_time(taken[0])} dense float32) for {_rows(n)}"
        for taken, n in zip(times, batches, strict=True)
    )
    if to_compare and worst[best] > _NOISE:
        return Choice(plain, f"float32, as {candidates[best - 1].format} is slower here: {shown}")
    return Choice(candidates[best - 1], f"{candidates[best - 1].format}: {shown}")


def together(layers: Sequence[PackedLayer], plains: Sequence[PackedLayer], batches: Sequence[int]) -> str | None:
    """Why a network as a whole is slower than in dense float32, though each layer alone is not; None: it is not.

    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> from sprat.packing.plan import together
    >>> layer = PackedLayer(np.ones((4, 8), np.float32), weights="float32")
    >>> together([layer], [layer], [1]) is None
    True
    """
    if all(layer is plain for layer, plain in zip(layers, plains, strict=True)):
        return None
    for rows in batches:
        taken, plain = network_seconds([layers, plains], rows)
        if taken > _NOISE * plain:
            return f"as the whole is slower here: {_time(taken)} ({_time(plain)} dense float32) for {_rows(rows)}"
    return None


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.3g} us"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
