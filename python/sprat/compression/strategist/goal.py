"""What is asked of a compressed model, and whether a model that was measured gives it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..._check import check_choice, check_number
from .comparison import Comparison

_BYTES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "kib": 1024.0, "mib": 1024.0**2}
_SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_SHARES = {"": 1.0, "%": 0.01}
PREFERENCES = ("balance", "speed", "size")


@dataclass(frozen=True)
class Goal:
    """The bounds, and what counts among the models that keep them.

    Parameters
    ----------
    max_loss : float, optional
        Largest drop of the score (accuracy as a share, or R²): 0.005 is half a point.
    max_bytes : int, optional
        Of the model's file.
    max_latency : float, optional
        Seconds for one row, median.
    margin : float
        Standard errors of the measured drop that must fit below ``max_loss`` too. With 1.645 the true drop is below it
        with a confidence of 95 %. The best of many candidates looks better than it is on the rows it was chosen by: 0
        takes it at that.
    prefer : "balance", "speed" or "size"
        Among models that keep ``max_loss``: least time x bytes, least time, or fewest bytes. Without ``max_loss`` the
        best score counts.

    Examples
    --------
    >>> Goal.of(max_loss="0.5%", max_latency="20us").words()
    'at most 0.5 points worse, at most 20 µs for one row'
    """

    max_loss: float | None = None
    max_bytes: float | None = None
    max_latency: float | None = None
    margin: float = 1.645
    prefer: str = "balance"

    @classmethod
    def of(
        cls,
        max_loss: Any = None,
        max_bytes: Any = None,
        max_latency: Any = None,
        margin: float = 1.645,
        prefer: str = "balance",
    ) -> Goal:
        """A goal from numbers or texts such as "0.5%", "100 KB", "20us"; without any bound, at most half a point worse."""
        check_choice("prefer", prefer, PREFERENCES)
        if max_loss is None and max_bytes is None and max_latency is None:
            max_loss = 0.005
        return cls(
            None if max_loss is None else check_number("max_loss", quantity("max_loss", max_loss, _SHARES), 0, 1),
            None if max_bytes is None else _positive("max_bytes", max_bytes, _BYTES),
            None if max_latency is None else _positive("max_latency", max_latency, _SECONDS),
            check_number("margin", margin, 0),
            prefer,
        )

    def misses(self, drop: Comparison, file_bytes: float, seconds: float) -> dict[str, float]:
        """By which factor each bound is missed, with its name; empty when all are kept.

        >>> Goal(max_bytes=100).misses(Comparison.same(10), 150, 1e-6)
        {'max_bytes': 1.5}
        """
        found = {}
        if self.max_loss is not None and not self.accepts(drop):
            found["max_loss"] = 1 + self.shortfall(drop) / max(self.max_loss, 1e-3)
        if self.max_bytes is not None and file_bytes > self.max_bytes:
            found["max_bytes"] = file_bytes / self.max_bytes
        if self.max_latency is not None and seconds > self.max_latency:
            found["max_latency"] = seconds / self.max_latency
        return found

    def shortfall(self, drop: Comparison) -> float:
        """How much better the score would have to be; at most 0 when the drop is accepted."""
        if self.max_loss is None:
            return -math.inf
        return drop.loss + self.margin * drop.standard_error - self.max_loss

    def accepts(self, drop: Comparison) -> bool:
        """Whether the score is good enough."""
        return self.shortfall(drop) <= 0

    def cost(self, file_bytes: float, seconds: float) -> float:
        """What is to be least among the models that are accepted."""
        return {"balance": file_bytes * seconds, "speed": seconds, "size": file_bytes}[self.prefer]

    def words(self) -> str:
        """The bounds as text."""
        parts = []
        if self.max_loss is not None:
            parts.append(f"at most {100 * self.max_loss:g} points worse")
        if self.max_bytes is not None:
            parts.append(f"at most {self.max_bytes:,.0f} bytes")
        if self.max_latency is not None:
            parts.append(f"at most {1e6 * self.max_latency:g} µs for one row")
        return ", ".join(parts)

    def config(self) -> dict[str, Any]:
        """The bounds, for JSON."""
        return asdict(self)


def quantity(name: str, value: Any, units: dict[str, float]) -> float:
    """A number, or a text of a number and a unit.

    >>> quantity("max_latency", "20 us", {"": 1, "us": 1e-6}) == 20 * 1e-6
    True
    """
    if not isinstance(value, str):
        return check_number(name, value, -math.inf)
    text = value.strip().lower().replace("\u03bc", "\u00b5")  # the Greek letter looks like the unit's sign
    split = next((i for i, c in enumerate(text) if not (c.isdigit() or c in ".+-")), len(text))
    number, unit = text[:split].strip(), text[split:].strip()
    try:
        return float(number) * units[unit]
    except (ValueError, KeyError):
        known = ", ".join(unit for unit in units if unit)
        raise ValueError(f"{name}: wanted a number, or a number with a unit ({known}), got {value!r}") from None


def _positive(name: str, value: Any, units: dict[str, float]) -> float:
    return check_number(name, quantity(name, value, units), 0, open_low=True)
