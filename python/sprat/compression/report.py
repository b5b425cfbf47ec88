"""What stages have made of a model: one row per stage, as objects, as a table and as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..nn import Model
from .measure import Size, Speed

# Scores in the order of preference for the table, and their heads there.
_SCORES = {"accuracy": "accuracy", "r2": "R²", "loss": "loss"}


@dataclass(frozen=True)
class Result:
    """One stage's model and its figures.

    Attributes
    ----------
    name : str
        What the stage did.
    model : nn.Model
    path : str or None
        The file it was saved in.
    scores : dict
        Of :func:`sprat.evaluate` on the validation data.
    size : Size
    file_bytes : int
        Of the saved file; of the arrays alone when it was not saved.
    speed : Speed

    >>> import sprat
    >>> from sprat.compression import Result, Size, Speed
    >>> model = sprat.nn.MLP([2, 2])
    >>> one = Result("large", model, None, {"loss": 0.1}, Size.of(model), 1000, Speed(10.0, 1e6))
    >>> two = Result("small", model, None, {"loss": 0.1}, Size.of(model), 120, Speed(1.6, 5e6))
    >>> two.relative_to(one)
    '0.12x size, 6.2x faster'
    """

    name: str
    model: Model
    path: str | None
    scores: dict[str, float]
    size: Size
    file_bytes: int
    speed: Speed

    def relative_to(self, other: Result) -> str:
        """Size and speed against another stage in words, such as "0.12x size, 6.3x faster"."""
        faster = other.speed.microseconds / self.speed.microseconds
        pace = f"{_ratio(faster)}x faster" if faster >= 1 else f"{_ratio(1 / faster)}x slower"
        if 0.95 < faster < 1.05:
            pace = "as fast"  # the clock tells no smaller difference
        return f"{_ratio(self.file_bytes / other.file_bytes)}x size, {pace}"

    def config(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "stage": self.name,
            "path": self.path,
            **self.scores,
            "parameters": self.size.parameters,
            "nonzero": self.size.nonzero,
            "bytes": self.file_bytes,
            "microseconds": self.speed.microseconds,
            "microseconds_p99": self.speed.microseconds_p99,
            "rows_per_second": self.speed.rows_per_second,
        }


@dataclass(frozen=True)
class Report(Sequence[Result]):
    """The results of all stages; the first one is what the others are compared with. ``str`` gives a table.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.compression import Quantize, run_stages
    >>> x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    >>> report = run_stages(sprat.nn.MLP([8, 64, 2]), [Quantize()], train=(x, y), validation=(x, y), seconds=0.01)
    >>> [result.name for result in report]
    ['start', 'int8 static']
    """

    results: tuple[Result, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def find(self, name: str) -> Result:
        """The result with this name."""
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(name)

    @property
    def score(self) -> str:
        """The score that counts: "accuracy", "r2", or "loss"."""
        return next(name for name in _SCORES if name in self.results[0].scores)

    def rows(self) -> list[dict[str, Any]]:
        """One JSON-able dict per stage, with its relation to the first one."""
        first = self.results[0]
        return [
            {
                **_finite(result.config()),
                "relative_size": result.file_bytes / first.file_bytes,
                "relative_speed": first.speed.microseconds / result.speed.microseconds,
            }
            for result in self.results
        ]

    def to_json(self) -> str:
        """``rows()`` as text."""
        return json.dumps(self.rows(), indent=2)

    def __str__(self) -> str:
        score, first = self.score, self.results[0]
        head = ["stage", f"test {_SCORES[score]}", "parameters", "bytes", "µs for 1 row", "rows per s"]
        head.append(f"relative to {first.name}")
        rows = [head, *(self._row(result, score, first) for result in self.results)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        left = {0, len(head) - 1}
        lines = [
            "  ".join(
                cell.ljust(w) if i in left else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join(line.rstrip() for line in lines)

    @staticmethod
    def _row(result: Result, score: str, first: Result) -> list[str]:
        value, size = result.scores[score], result.size
        zeros = 1 - size.nonzero / size.parameters
        sparse = f" ({zeros:.0%} zero)" if zeros >= 0.1 else ""
        return [
            result.name,
            f"{value:.2%}" if score == "accuracy" else f"{value:.4f}",
            f"{size.parameters:,}{sparse}",
            f"{result.file_bytes:,}",
            _short(result.speed.microseconds),
            f"{_three_digits(result.speed.rows_per_second):,}",
            "" if result is first else result.relative_to(first),
        ]


def file_name(index: int, name: str) -> str:
    """Where the model of a stage is saved.

    >>> file_name(3, "student 16, distilled")
    '3-student-16-distilled.safetensors'
    """
    words = "".join(c if c.isalnum() or c == "." else " " for c in name.replace("%", "pct")).split()
    return f"{index}-{'-'.join(words).lower()}.safetensors"


def result(
    name: str, model: Model, scores: dict[str, float], speed: Speed, path: str | os.PathLike[str] | None
) -> Result:
    """Put the figures of a stage together."""
    size = Size.of(model)
    file_bytes = size.bytes if path is None else os.path.getsize(path)
    return Result(name, model, None if path is None else os.fspath(path), scores, size, file_bytes, speed)


def _ratio(value: float) -> str:
    """Two digits that count: 0.12, 6.3, 41."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _short(microseconds: float) -> str:
    return (
        f"{microseconds:.2f}"
        if microseconds < 10
        else f"{microseconds:.1f}"
        if microseconds < 100
        else f"{microseconds:.0f}"
    )


def _three_digits(value: float) -> int:
    """Rounded to three digits: more would be noise."""
    scale = 10 ** max(0, math.floor(math.log10(value)) - 2) if value > 0 else 1
    return round(value / scale) * scale


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: null instead."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


__all__ = ["Report", "Result"]
