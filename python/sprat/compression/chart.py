"""A picture of a report: what accuracy costs in time and in bytes."""

from __future__ import annotations

import os
from typing import Any

from .report import Report


def draw(report: Report, path: str | os.PathLike[str], title: str = "") -> None:
    """Write a PNG (or what the suffix says): the score of every stage against latency, and against the file's size.

    Parameters
    ----------
    report : Report
    path : str or path
    title : str

    Raises
    ------
    ImportError
        matplotlib is not installed: ``pip install 'sprat[plot]'``.

    Examples
    --------
    >>> import numpy as np, sprat, tempfile, os
    >>> from sprat.compression import Quantize, draw, run_stages
    >>> x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    >>> report = run_stages(sprat.nn.MLP([8, 64, 2]), [Quantize()], train=(x, y), validation=(x, y), seconds=0.01)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw(report, os.path.join(folder, "chart.png"))
    ...     os.listdir(folder)
    ['chart.png']
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("a chart needs matplotlib: pip install 'sprat[plot]'") from None
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    score = report.score
    values = [result.scores[score] * (100 if score == "accuracy" else 1) for result in report]
    _panel(left, report, [result.speed.microseconds for result in report], values, "microseconds for one row")
    _panel(right, report, [result.file_bytes / 1000 for result in report], values, "kilobytes of the file")
    left.set_ylabel("test accuracy, %" if score == "accuracy" else f"test {score}")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=120)


def _panel(axes: Any, report: Report, x: list[float], y: list[float], label: str) -> None:
    markers = "osD^vP*Xh<>"
    for index, result in enumerate(report):
        axes.plot(x[index], y[index], markers[index % len(markers)], markersize=9, label=result.name, alpha=0.85)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.grid(True, which="both", alpha=0.25)


__all__ = ["draw"]
