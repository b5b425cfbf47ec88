"""Plots as SVG text for a page: colours are the page's CSS classes, so that light and dark suit both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 42


@dataclass(frozen=True)
class Dot:
    """A point with the words that show when one points at it; ``kind``: "original", "chosen", "front" or "other"."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True)
class Line:
    """A curve with its name."""

    points: tuple[tuple[float, float], ...]
    kind: str
    title: str


class Axes:
    """A frame: x logarithmic, y linear. What lies below ``floor`` is drawn on its edge, for the differences that matter are above."""

    def __init__(
        self, xs: Sequence[float], ys: Sequence[float], x_label: str, y_label: str, floor: float = -math.inf
    ) -> None:
        low, high = math.log10(min(xs)), math.log10(max(xs))
        pad = max(0.04 * (high - low), 0.06)
        self._x0, self._x1 = low - pad, high + pad
        least, ceiling = max(min(ys), floor), max(ys)
        space = 0.07 * (ceiling - least) or 0.01
        self._y0, self._y1 = least - space, ceiling + space
        self._labels = x_label, y_label

    def x(self, value: float) -> float:
        """Pixels from the left."""
        share = (math.log10(value) - self._x0) / (self._x1 - self._x0)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        share = max(0.0, (value - self._y0) / (self._y1 - self._y0))
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def draw(self) -> list[str]:
        """Grid, ticks and labels."""
        bottom, parts = _HEIGHT - _BOTTOM, []
        for value in log_ticks(10**self._x0, 10**self._x1):
            x = self.x(value)
            parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>')
            parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{short(value)}</text>')
        ticks = linear_ticks(self._y0, self._y1)
        digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)) if len(ticks) > 1 else 2
        for value in ticks:
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.{digits}f}</text>'
            )
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(
            f'<text class="label" x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{self._labels[0]}</text>'
        )
        height = (_TOP + bottom) / 2
        parts.append(
            f'<text class="label" x="14" y="{height}" text-anchor="middle" transform="rotate(-90 14 {height})">'
            f"{self._labels[1]}</text>"
        )
        return parts


def scatter(
    dots: Sequence[Dot],
    x_label: str,
    y_label: str,
    bound: float | None = None,
    least: float | None = None,
    floor: float = -math.inf,
) -> str:
    """Points, a line through those of the front, and the bounds of the goal as dashed lines (of x and of y)."""
    xs = [dot.x for dot in dots] + ([bound] if bound else [])
    ys = [dot.y for dot in dots] + ([least] if least is not None else [])
    axes = Axes(xs, ys, x_label, y_label, floor)
    parts = axes.draw()
    if least is not None:
        y = axes.y(least)
        parts.append(f'<line class="bound" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
    if bound:
        x = axes.x(bound)
        parts.append(f'<line class="bound" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"/>')
    parts.append(_steps(axes, dots))
    order = {"other": 0, "front": 1, "original": 2, "chosen": 3}
    for dot in sorted(dots, key=lambda one: order[one.kind]):
        radius = 6.5 if dot.kind in ("chosen", "original") else 4
        low = " low" if dot.y < floor else ""
        parts.append(
            f'<circle class="{dot.kind}{low}" cx="{axes.x(dot.x):.1f}" cy="{axes.y(dot.y):.1f}" r="{radius}">'
            f"<title>{escape(dot.title)}</title></circle>"
        )
    return _svg(parts, f"{y_label} against {x_label}")


def curves(
    lines: Sequence[Line], x_label: str, y_label: str, least: float | None = None, floor: float = -math.inf
) -> str:
    """One polyline for each network, with a dot at each rung."""
    points = [point for line in lines for point in line.points]
    ys = [y for _, y in points] + ([least] if least is not None else [])
    axes = Axes([x for x, _ in points], ys, x_label, y_label, floor)
    parts = axes.draw()
    if least is not None:
        y = axes.y(least)
        parts.append(f'<line class="bound" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
    for line in sorted(lines, key=lambda one: one.kind != "other"):
        path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in line.points)
        title = f"<title>{escape(line.title)}</title>"
        parts.append(f'<polyline class="curve {line.kind}" points="{path}">{title}</polyline>')
        for x, y in line.points:
            parts.append(
                f'<circle class="{line.kind}" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3">{title}</circle>'
            )
    return _svg(parts, f"{y_label} against {x_label}")


def _steps(axes: Axes, dots: Sequence[Dot]) -> str:
    """The best score that is to be had for so much x, as a stair."""
    best = -math.inf
    path: list[str] = []
    for dot in sorted(dots, key=lambda one: (one.x, -one.y)):
        if dot.y > best:
            if path:
                path.append(f"{axes.x(dot.x):.1f},{axes.y(best):.1f}")
            path.append(f"{axes.x(dot.x):.1f},{axes.y(dot.y):.1f}")
            best = dot.y
    return f'<polyline class="stair" points="{" ".join(path)}"/>'


def _svg(parts: Sequence[str], title: str) -> str:
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"><title>{escape(title)}</title>\n{body}\n</svg>'


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two values; only the powers when there are many.

    >>> [round(tick, 2) for tick in log_ticks(0.4, 12)]
    [0.5, 1.0, 2.0, 5.0, 10.0]
    """
    found = [
        factor * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for factor in (1, 2, 5)
        if low <= factor * 10.0**power <= high
    ]
    powers = [tick for tick in found if math.isclose(math.log10(tick), round(math.log10(tick)))]
    return powers if len(found) > 8 and len(powers) > 2 else found


def linear_ticks(low: float, high: float) -> list[float]:
    """Some five round values.

    >>> [round(tick, 2) for tick in linear_ticks(0.81, 0.93)]
    [0.82, 0.84, 0.86, 0.88, 0.9, 0.92]
    """
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * unit for factor in (1, 2, 5, 10)), key=lambda one: abs(math.log(one / rough)))
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def short(value: float) -> str:
    """A tick of a logarithmic axis.

    >>> short(0.5), short(20000.0), short(2e6)
    ('0.5', '20k', '2M')
    """
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
