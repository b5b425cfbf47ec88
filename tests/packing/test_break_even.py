"""From which sparsity on zeros pay: curves and their crossings; what the times are is the machine's business."""

from __future__ import annotations

import numpy as np
import pytest

import sprat
from sprat.packing import Curve
from sprat.packing.break_even import _mask


def test_crossing() -> None:
    marks = (0.0, 0.5, 1.0)
    assert Curve("x", marks, (4.0, 2.0, 0.0), 3.0).pays_from == pytest.approx(0.25)
    assert Curve("x", marks, (4.0, 2.0, 0.0), 1.0).pays_from == pytest.approx(0.75)
    assert Curve("x", marks, (4.0, 2.0, 0.0), 9.0).pays_from == 0
    assert Curve("x", marks, (4.0, 3.0, 3.0), 3.0).pays_from is None
    # Faster somewhere, slower later: what counts is where it stays faster.
    assert Curve("x", marks, (1.0, 3.0, 1.0), 2.0).pays_from == pytest.approx(0.75)


@pytest.mark.parametrize("pattern", ["unstructured", "n:32", "blocks", "16x4"])
@pytest.mark.parametrize("shape", [(64, 128), (10, 100), (17, 33)])
def test_masks(shape: tuple[int, int], pattern: str) -> None:
    scores = np.random.default_rng(0).random(shape)
    assert _mask(pattern, scores, 0.0).all()
    mask = _mask(pattern, scores, 0.75)
    assert mask.shape == shape
    assert 0.05 < mask.mean() < 0.5


def test_table_and_lookup() -> None:
    found = sprat.break_even((32, 64), batch=64, seconds=0.02)
    assert (found.shape, found.batch) == ((32, 64), 64)
    lines = str(found).splitlines()
    assert len(lines) == 2 + len(found.curves)
    for curve, line in zip(found.curves, lines[2:], strict=True):
        assert line.startswith(curve.pattern)
        assert curve.pays_from is None or 0 <= curve.pays_from <= 0.9375
        assert found[curve.pattern] is curve
    with pytest.raises(KeyError, match="pattern: wanted one of unstructured"):
        found["stripes"]


def test_inputs_that_integers_cannot_sum() -> None:
    found = sprat.break_even((1, 65794), seconds=0.01)
    assert [curve.pattern for curve in found.curves] == ["unstructured", "balanced", "blocks"]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"^shape: wanted a whole number of at least 1"):
        sprat.break_even((0, 4))
    for shape in [(4,), (4, 4, 4), 4]:
        with pytest.raises(ValueError, match=r"^shape: wanted \(out_features, in_features\), got "):
            sprat.break_even(shape)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^seed: wanted a whole number of at least 0, got -1"):
        sprat.break_even((4, 4), seed=-1)
    with pytest.raises(ValueError, match=r"^batch: wanted a whole number of at least 1"):
        sprat.break_even((4, 4), 0)
    with pytest.raises(ValueError, match=r"^seconds: wanted"):
        sprat.break_even((4, 4), seconds=0)
