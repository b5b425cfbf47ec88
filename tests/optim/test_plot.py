"""The picture of a schedule."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sprat.optim import schedules as s
from sprat.optim.plot import plot


@pytest.fixture
def figure():
    return pytest.importorskip("matplotlib.figure").Figure()


def test_draws_the_rates(figure) -> None:
    schedule = s.Cosine(0.1, steps=50)
    ax = plot(schedule, 60, figure.subplots(), color="red")
    (line,) = ax.get_lines()
    x, y = line.get_data()
    assert x.tolist() == list(range(60))
    assert y.tolist() == [schedule(i) for i in range(60)]
    assert ax.get_legend() is None


def test_draws_several_with_a_legend_and_thins_long_ones(figure) -> None:
    ax = plot({"a": s.Constant(0.1), "b": s.Exponential(0.1, 0.999999)}, 10**6, figure.subplots(), log=True)
    first, second = ax.get_lines()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    x, y = second.get_data()
    assert len(x) == len(first.get_xdata()) <= 4000
    assert (x[0], x[-1]) == (0, 999999)
    assert np.all(np.diff(y) < 0)
    assert ax.get_yscale() == "log"


def test_makes_its_own_axes() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    ax = plot(s.Constant(0.1), 3, label="held")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["held"]
    plt.close(ax.figure)


def test_bad_input(figure) -> None:
    ax = figure.subplots()
    with pytest.raises(ValueError, match="steps: wanted a whole number of at least 1, got 0"):
        plot(s.Constant(0.1), 0, ax)
    with pytest.raises(TypeError, match=r"^schedule\['a'\]: wanted a schedule, got float$"):
        plot({"a": 0.1}, 10, ax)
    assert ax.get_lines() == []


def test_without_matplotlib_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^plot needs matplotlib: pip install 'sprat\[plot\]'$"):
        plot(s.Constant(0.1), 3)
