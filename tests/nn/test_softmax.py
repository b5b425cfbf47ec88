"""softmax and log_softmax: against the float64 reference, bit-equal everywhere, in place, at infinity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference import losses as reference
from sprat.nn import functional
from support import assert_same_bits, assert_same_everywhere, unchanged

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
both = pytest.mark.parametrize("function", [functional.softmax, functional.log_softmax])


@dtypes
def test_values(isa: str, dtype: type, rng: np.random.Generator) -> None:
    eps = np.finfo(dtype).eps
    for columns in (1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 64, 65, 300):
        x = (rng.normal(size=(9, columns)) * 10).astype(dtype)
        p, log_p = functional.softmax(x), functional.log_softmax(x)
        wanted = reference.log_softmax(x.astype(np.float64))
        # The exponent, up to |log p|, is rounded once; exp and log err by two ULP more, and in float64 so does the
        # reference.
        assert (np.abs(p - np.exp(wanted)) <= (4 + np.abs(wanted)) * eps * np.exp(wanted)).all()
        assert (np.abs(log_p - wanted) <= 4 * eps * (1 + np.abs(wanted))).all()
        assert np.abs(p.sum(axis=1, dtype=np.float64) - 1).max() <= 4 * eps


@both
@dtypes
def test_same_bits(function: Callable[..., Any], dtype: type, rng: np.random.Generator) -> None:
    shapes = [(9000, 10), (3, 20_000), (50, 1), (0, 4), (2, 3, 17)]
    arrays = [(rng.normal(size=shape) * 5).astype(dtype) for shape in shapes]
    results = assert_same_everywhere(lambda: [function(x) for x in arrays])
    assert_same_bits(function(arrays[0][100:101]), results[0][100:101])


@both
@dtypes
def test_in_place(function: Callable[..., Any], dtype: type, rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 19)).astype(dtype)
    wanted = function(x)
    assert function(x, out=x) is x
    assert_same_bits(x, wanted)


@dtypes
@pytest.mark.parametrize("padding", [0, 40])
def test_extremes(isa: str, dtype: type, padding: int) -> None:
    rest = [-np.inf] * padding
    x = np.array([[1e4, -1e4, *rest], [5, -np.inf, *rest]], dtype)
    np.testing.assert_array_equal(functional.softmax(x)[:, :2], [[1, 0], [1, 0]])
    np.testing.assert_array_equal(functional.log_softmax(x)[:, :2], [[0, -2e4], [0, -np.inf]])
    bad = np.array([[np.inf, 0, *rest], [np.nan, 0, *rest], [-np.inf, -np.inf, *rest]], dtype)
    assert np.isnan(functional.softmax(bad)).all()
    assert np.isnan(functional.log_softmax(bad)).all()


@both
def test_refusals(function: Callable[..., Any]) -> None:
    x = np.zeros((4, 3))
    same = unchanged(x)
    for wrong, out, line in [
        (np.float64(1), None, r"x: wanted at least one column, got shape \(\)"),
        (np.zeros((3, 0)), None, r"x: wanted at least one column, got shape \(3, 0\)"),
        (x, np.zeros((3, 4)), r"out: wanted shape \(4, 3\) like x, got \(3, 4\)"),
        (x, np.zeros((3, 4)).T, "out: wanted a C-contiguous array, got one with gaps or another order"),
        (x[:3], x[1:], "out: overlaps a part of x"),
    ]:
        with pytest.raises(ValueError, match=f"^{line}$"):
            function(wrong, out=out)
    with pytest.raises(TypeError, match="^out: wanted float64 like x, got float32$"):
        function(x, out=np.zeros((4, 3), np.float32))
    same()
