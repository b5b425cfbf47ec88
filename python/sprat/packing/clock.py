"""How long calls and layers take on this machine.

Candidates are called in turns, a short block of calls each, so that a machine that slows down for a moment slows all of
them down alike; the median over the rounds is what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from .. import _core
from .layer import PackedLayer

__all__ = ["layer_seconds", "network_seconds", "seconds_in_turns"]

# A block of calls takes about this long: a thousand times what reading the clock costs.
_BLOCK = 100e-6
# Blocks of each at least.
_ROUNDS = 5


def seconds_in_turns(calls: Sequence[Callable[[], object]], seconds: float = 4e-3) -> list[float]:
    """The median time of one call of each, after warm-up.

    Parameters
    ----------
    calls : sequence of functions
    seconds : float
        About how long to measure each of them; longer where five calls take longer.

    >>> from sprat.packing.clock import seconds_in_turns
    >>> short, long = seconds_in_turns([lambda: None, lambda: sum(range(10_000))])
    >>> 0 < short < long
    True
    """
    counts = []
    for call in calls:
        call()  # caches, and what a thread's first call allocates
        start = time.perf_counter()
        call()
        counts.append(max(1, round(_BLOCK / max(time.perf_counter() - start, 1e-9))))
    taken: list[list[float]] = [[] for _ in calls]
    deadline = time.perf_counter() + seconds * len(calls)
    while len(taken[0]) < _ROUNDS or time.perf_counter() < deadline:
        for call, count, times in zip(calls, counts, taken, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                call()
            times.append((time.perf_counter() - start) / count)
    return [statistics.median(times) for times in taken]


def layer_seconds(layers: Sequence[PackedLayer], rows: int, seconds: float = 4e-3) -> list[float]:
    """The median time of layers of one shape, each alone: see :func:`network_seconds`.

    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> from sprat.packing.clock import layer_seconds
    >>> small, large = (PackedLayer(np.ones((n, 512), np.float32), weights="float32") for n in (1, 4096))
    >>> layer_seconds([small], 1) < layer_seconds([large], 1)
    True
    """
    return network_seconds([[layer] for layer in layers], rows, seconds)


def network_seconds(networks: Sequence[Sequence[PackedLayer]], rows: int, seconds: float = 4e-3) -> list[float]:
    """The median time of networks of one shape for so many rows of normal numbers, float32 to float32.

    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> from sprat.packing.clock import network_seconds
    >>> layer = PackedLayer(np.ones((64, 64), np.float32), weights="float32")
    >>> once, often = network_seconds([[layer], [layer] * 20], 1)
    >>> once < often
    True
    """
    x = np.random.default_rng(0).standard_normal((rows, networks[0][0].in_features)).astype(np.float32)
    out = np.empty((rows, networks[0][-1].out_features), np.float32)
    runs = [_core.predictor_packed([layer.native() for layer in layers]).run for layers in networks]
    return seconds_in_turns([lambda run=run: run(x, out) for run in runs], seconds)  # type: ignore[misc]
