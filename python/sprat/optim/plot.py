"""Pictures of schedules (needs matplotlib: the extra ``sprat[plot]``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import check_count
from .schedules import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_POINTS = 4000  # more than a picture has columns


def plot(
    schedule: Schedule | Mapping[str, Schedule],
    steps: int,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    log: bool = False,
    **line: Any,
) -> Axes:
    """Draw the learning rate against the step.

    Parameters
    ----------
    schedule : Schedule, or dict of label to Schedule
        What to draw: one line, or one for each entry.
    steps : int
        Draws the rates of updates 0 to steps - 1.
    ax : matplotlib Axes, optional
        Where to draw. By default on a new figure, which `matplotlib.pyplot.show()` then shows.
    label : str, optional
        The legend's text for a single schedule; default: none.
    log : bool
        Logarithmic rate axis.
    **line
        Passed to `Axes.plot`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sprat.optim import schedules
    >>> from sprat.optim.plot import plot
    >>> warm = schedules.Warmup(100, schedules.Cosine(0.1, steps=900))
    >>> import matplotlib.figure
    >>> ax = plot(warm, steps=1000, ax=matplotlib.figure.Figure().subplots())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('step', 'learning rate')
    """
    last = check_count("steps", steps) - 1
    named: dict[str | None, Any] = {}
    if isinstance(schedule, Schedule):
        named[label] = schedule
    else:
        named.update(schedule)
    for key, value in named.items():
        if not isinstance(value, Schedule):
            where = "schedule" if key is None else f"schedule[{key!r}]"
            raise TypeError(f"{where}: wanted a schedule, got {type(value).__name__}")
    x = np.unique(np.linspace(0, last, min(steps, _MAX_POINTS)).round().astype(np.int64))
    lines = [(key, value(x)) for key, value in named.items()]
    if ax is None:
        ax = _new_axes()
    for key, rates in lines:
        ax.plot(x, rates, label=key, **line)
    ax.set_xlabel("step")
    ax.set_ylabel("learning rate")
    if log:
        ax.set_yscale("log")
    if any(key is not None for key in named):
        ax.legend()
    return ax


def _new_axes() -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plot needs matplotlib: pip install 'sprat[plot]'") from None
    _, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    return ax
