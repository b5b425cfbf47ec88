"""Sweeps as pictures: time of every candidate over rows or width, and where the cross-overs lie."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .cases import OURS, Result


def curves(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    """Results of sweeps by (title, name of the x axis), in the order of x."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.sweep:
            found.setdefault((result.sweep[0], result.sweep[1]), []).append(result)
    return {
        key: sorted(points, key=lambda point: point.sweep[2] if point.sweep else 0) for key, points in found.items()
    }


def crossovers(points: list[Result]) -> list[tuple[float, float]]:
    """Neighbouring x between which we change from ahead of the best peer to behind it, or back."""
    judged = [(point.sweep[2], point.ratio) for point in points if point.sweep and point.ratio is not None]
    pairs = itertools.pairwise(judged)
    return [(a[0], b[0]) for a, b in pairs if (a[1] <= 1) != (b[1] <= 1)]


def draw(topics: Mapping[str, Iterable[Result]], folder: Path) -> list[Path]:
    """One SVG for each sweep: microseconds above, each candidate's time over ours below."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for (title, axis), points in curves(result for results in topics.values() for result in results).items():
        figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 7), height_ratios=(2, 1))
        for name in sorted({name for point in points for name in point.timings}, key=lambda name: name != OURS):
            with_it = [point for point in points if name in point.timings and point.sweep and point.ours]
            x = [point.sweep[2] for point in with_it if point.sweep]
            seconds = [point.timings[name] for point in with_it]
            ours = [point.timings[point.ours].median for point in with_it if point.ours]
            style = {"linewidth": 2.5, "color": "black"} if name == OURS else {"linewidth": 1.2}
            above.plot(x, [timing.median * 1e6 for timing in seconds], marker=".", label=name, **style)
            above.fill_between(
                x, [timing.low * 1e6 for timing in seconds], [timing.high * 1e6 for timing in seconds], alpha=0.15,
                color=style.get("color"),
            )  # fmt: skip
            below.plot(x, [t.median / o for t, o in zip(seconds, ours, strict=True)], marker=".", **style)
        limits = [(point.sweep[2], point.limit * 1e6) for point in points if point.sweep and point.limit]
        above.plot(*zip(*limits, strict=True) if limits else ([], []), "--", color="grey", label="limit")
        for low, high in crossovers(points):
            below.axvspan(low, high, alpha=0.2)
        above.set(title=title, ylabel="microseconds", xscale="log", yscale="log")
        below.set(xlabel=axis, ylabel="time over sprat's", yscale="log")
        below.axhline(1, color="grey", linewidth=0.8)
        above.legend(fontsize="small", ncols=2)
        figure.tight_layout()
        paths.append(folder / f"{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}.svg")
        figure.savefig(paths[-1], metadata={"Date": None})
        pyplot.close(figure)
    return paths
