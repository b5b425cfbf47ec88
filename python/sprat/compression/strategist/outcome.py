"""What a search has found: the candidates, the front, the chosen one, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...nn import Model
from ..measure import Size, Speed
from .comparison import Comparison, Score
from .formats import LayerChoice
from .goal import Goal
from .halving import Trial

# Two times within this factor count as one: the clock tells no smaller difference.
_SAME_TIME = 1.03
SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model that was made, saved, scored and timed.

    Attributes
    ----------
    name : str
        How it was made, such as "cut to 64-32, int8".
    network : str
        The name of its trial: without the formats.
    formats : tuple of str
        Of each layer.
    layers : tuple of LayerChoice
        Why each layer has its format; empty where all layers were given one.
    model : nn.Model
    score, test : Score
        On the rows it was chosen by, and on rows that nothing was chosen by (None without ``test``).
    drop, test_drop : Comparison
        With the original on these rows.
    file_bytes : int
    size : Size
    speed : Speed
    misses : dict
        Bounds of the goal that it does not keep, and by which factor.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    >>> y = (x[:, 0] > 0).astype(int)
    >>> model = sprat.nn.MLP([4, 32, 2], seed=0)
    >>> _ = sprat.fit(model, x[:200], y[:200], epochs=20, lr=0.01)
    >>> found = sprat.compress(model, (x[:200], y[:200]), (x[200:], y[200:]), max_loss=0.1, seconds=1)
    >>> found.original.name, found.original.drop.loss
    ('original', 0.0)
    """

    name: str
    network: str
    formats: tuple[str, ...]
    layers: tuple[LayerChoice, ...]
    model: Model
    score: Score
    drop: Comparison
    test: Score | None
    test_drop: Comparison | None
    file_bytes: int
    size: Size
    speed: Speed
    misses: dict[str, float]

    @property
    def seconds(self) -> float:
        """For one row, median."""
        return self.speed.microseconds * 1e-6

    def config(self) -> dict[str, Any]:
        """The figures, for JSON."""
        row: dict[str, Any] = {
            "name": self.name,
            "network": self.network,
            "formats": list(self.formats),
            "score": {"value": self.score.value, "interval": list(self.score.interval)},
            "drop": self.drop.config(),
        }
        if self.test is not None and self.test_drop is not None:
            row["test"] = {"value": self.test.value, "interval": list(self.test.interval)}
            row["test_drop"] = self.test_drop.config()
        return row | {
            "bytes": self.file_bytes,
            **{key: value for key, value in self.size.config().items() if key != "bytes"},
            "microseconds": self.speed.microseconds,
            "microseconds_p99": self.speed.microseconds_p99,
            "rows_per_second": self.speed.rows_per_second,
            "misses": self.misses,
        }


@dataclass(frozen=True, eq=False)
class Compression:
    """What :func:`sprat.compress` has found. ``str`` tells it in words; ``to_html`` shows it.

    Attributes
    ----------
    goal : Goal
    original : Candidate
        The model that was given.
    candidates : tuple of Candidate
        All that were measured, the original first, then by time for one row.
    chosen : Candidate
        What serves the goal best; when nothing keeps it, the nearest.
    reached : bool
        Whether ``chosen`` keeps the goal.
    trials : tuple of Trial
        The networks that were trained, with what each rung brought and why they were dropped.
    log : tuple of str
        What was decided on the way.
    seconds : float
        That the search took.
    stopped_by : str
        "done", "budget" or "interrupt".
    facts : dict
        Rows, seed, instruction set, threads, version, learning rates.
    folder : Path or None
        Where everything lies.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    >>> y = (x[:, 0] > 0).astype(int)
    >>> model = sprat.nn.MLP([4, 32, 2], seed=0)
    >>> _ = sprat.fit(model, x[:200], y[:200], epochs=20, lr=0.01)
    >>> found = sprat.compress(model, (x[:200], y[:200]), (x[200:], y[200:]), max_loss=0.1, seconds=1)
    >>> found.reached, found.chosen in found.candidates, found.model is found.chosen.model
    (True, True, True)
    """

    goal: Goal
    original: Candidate
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    reached: bool
    trials: tuple[Trial, ...]
    log: tuple[str, ...]
    seconds: float
    stopped_by: str
    facts: dict[str, Any]
    folder: Path | None = None

    @property
    def model(self) -> Model:
        """The chosen model."""
        return self.chosen.model

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The candidates that no other one beats in score, bytes and time at once."""
        return front(self.candidates)

    @property
    def faster(self) -> float:
        """How many times faster for one row than the original."""
        return self.original.seconds / self.chosen.seconds

    @property
    def smaller(self) -> float:
        """How many times smaller the file is than the original's."""
        return self.original.file_bytes / self.chosen.file_bytes

    def config(self) -> dict[str, Any]:
        """Everything but the models, for JSON."""
        names = {one.name for one in self.front}
        return {
            "schema": SCHEMA,
            "goal": self.goal.config(),
            "reached": self.reached,
            "chosen": self.chosen.name,
            "why": self.why(),
            "faster": self.faster,
            "smaller": self.smaller,
            "score_name": self.original.score.name,
            "original": self.original.name,
            "candidates": [{**one.config(), "front": one.name in names} for one in self.candidates],
            "layers": [choice.config() for choice in self.chosen.layers],
            "trials": [_trial_config(trial) for trial in self.trials],
            "log": list(self.log),
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
            **self.facts,
        }

    def to_json(self) -> str:
        """``config()`` as text."""
        return json.dumps(self.config(), indent=2)

    def to_html(self) -> str:
        """A page with plots that needs neither network nor script."""
        from .page import page

        return page(self)

    def why(self) -> str:
        """The decision in a sentence or two."""
        from .words import why

        return why(self)

    def __str__(self) -> str:
        from .words import text

        return text(self)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``report.txt``, ``report.json``, ``report.html`` and ``chosen.safetensors``; returns the last one's path."""
        from ...io import atomic, save

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, content in (("txt", f"{self}\n"), ("json", self.to_json() + "\n"), ("html", self.to_html())):
            atomic.write(place / f"report.{name}", [content.encode()])
        save(self.model, place / "chosen.safetensors")
        return place / "chosen.safetensors"


def front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those that no other candidate beats in one of score, bytes and time while it is at least as good in the others."""
    return tuple(one for one in candidates if not any(_beats(other, one) for other in candidates))


def _beats(a: Candidate, b: Candidate) -> bool:
    no_worse = a.score.value >= b.score.value and a.file_bytes <= b.file_bytes and a.seconds <= _SAME_TIME * b.seconds
    better = a.score.value > b.score.value or a.file_bytes < b.file_bytes or a.seconds * _SAME_TIME < b.seconds
    return a is not b and no_worse and better


def choose(goal: Goal, candidates: Sequence[Candidate]) -> Candidate:
    """What keeps every bound at the least cost, without a largest loss with the best score; else what misses by least."""

    def rank(one: Candidate) -> tuple[float, float, float]:
        excess = sum(factor - 1 for factor in one.misses.values())
        cost = goal.cost(one.file_bytes, one.seconds)
        return (excess, cost, 0.0) if goal.max_loss is not None else (excess, -one.score.value, cost)

    return min(candidates, key=rank)


def _trial_config(trial: Trial) -> dict[str, Any]:
    marks = [
        {"rung": mark.rung, "visits": mark.visits, "seconds": mark.seconds, "score": mark.score.value}
        for mark in trial.marks
    ]
    return {**trial.proposal.config(), "multiplications": trial.work, "rungs": marks, "dropped": trial.dropped}
