"""Bounds as numbers and as text, and what misses them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sprat.compression import Goal
from sprat.compression.strategist.comparison import Comparison, Score, compare


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"max_loss": "0.5%"}, Goal(max_loss=0.005)),
        ({"max_loss": 0.005}, Goal(max_loss=0.005)),
        ({"max_loss": "0.005"}, Goal(max_loss=0.005)),
        ({"max_bytes": "20 KB"}, Goal(max_bytes=20_000)),
        ({"max_bytes": "1MiB"}, Goal(max_bytes=2**20)),
        ({"max_latency": "20us"}, Goal(max_latency=20e-6)),
        ({"max_latency": "20\u00b5s"}, Goal(max_latency=20e-6)),
        ({"max_latency": "20\u03bcs"}, Goal(max_latency=20e-6)),
        ({"max_latency": "1.5 ms"}, Goal(max_latency=1.5e-3)),
        ({}, Goal(max_loss=0.005)),
    ],
)
def test_quantities(arguments: dict[str, Any], wanted: Goal) -> None:
    found = Goal.of(**arguments)
    assert found.max_loss == pytest.approx(wanted.max_loss) if wanted.max_loss else found.max_loss is None
    assert found.max_bytes == wanted.max_bytes
    assert found.max_latency == pytest.approx(wanted.max_latency) if wanted.max_latency else found.max_latency is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_loss": "a lot"}, "max_loss: wanted a number, or a number with a unit"),
        ({"max_loss": 2}, "max_loss: wanted a number in"),
        ({"max_bytes": 0}, "max_bytes: wanted a finite number above 0"),
        ({"max_latency": "5 minutes"}, "max_latency: wanted a number, or a number with a unit"),
        ({"margin": -1}, "margin: wanted"),
        ({"prefer": "cheap"}, "prefer: wanted one of balance, speed, size"),
    ],
)
def test_mistakes(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Goal.of(**arguments)


def test_the_margin_keeps_standard_errors_in_reserve() -> None:
    original = Score.accuracy(np.ones(1000))
    model = Score.accuracy(np.array([1.0] * 996 + [0.0] * 4))
    drop = compare(original, model)  # 0.4 points, standard error 0.2
    assert Goal(max_loss=0.005, margin=0).accepts(drop)
    assert not Goal(max_loss=0.005).accepts(drop)
    assert set(Goal(max_loss=0.005).misses(drop, 1, 1)) == {"max_loss"}


def test_every_bound_counts() -> None:
    goal = Goal(max_loss=0.01, max_bytes=100, max_latency=1e-6)
    same = Comparison.same(10)
    assert goal.misses(same, 100, 1e-6) == {}
    assert goal.misses(same, 200, 3e-6) == {"max_bytes": 2, "max_latency": pytest.approx(3)}
    assert goal.words() == "at most 1 points worse, at most 100 bytes, at most 1 µs for one row"
