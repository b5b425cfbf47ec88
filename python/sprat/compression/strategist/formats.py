"""How each layer of a trained network is stored and multiplied: by measurement, one layer at a time.

The whole network is first tried in each format; from the best of these every layer is tried in every other format, with
the rest as it is (layers pass integers on to each other, so a layer alone would tell nothing). A change stays when the
network is not slower by it, costs less, and keeps the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from numpy.typing import NDArray

from ...nn import MLP, Model
from ..measure import one_row_seconds
from .comparison import Comparison, Score, compare
from .goal import Goal

# Formats a layer may have. "int8 dynamic" finds the range of its input in each row: for inputs that calibration cannot
# foresee.
FORMATS = ("float32", "float16", "int8", "int8 dynamic", "int4")
_CALIBRATION_ROWS = 2048
# Two clocks of the same network differ by this much on a quiet machine.
_SAME = 1.03
# A change of one layer's format has to save this much of time x bytes.
_WORTH = 1.02


@dataclass(frozen=True)
class Attempt:
    """A network with a format for each layer, judged."""

    formats: tuple[str, ...]
    model: Model
    score: Score
    drop: Comparison
    file_bytes: int
    seconds: float

    @property
    def name(self) -> str:
        """The formats in words: one word when all layers share one.

        >>> Attempt(("int8", "int8"), *[None] * 5).name, Attempt(("float32", "int8"), *[None] * 5).name
        ('int8', 'float32+int8')
        """
        return self.formats[0] if len(set(self.formats)) == 1 else "+".join(self.formats)


@dataclass(frozen=True)
class LayerChoice:
    """One layer's format, and what the other formats would have meant for the whole network.

    Attributes
    ----------
    layer : int
    shape : (out_features, in_features)
    format : str
    own : str
        Time and bytes of the whole network with it.
    why : str
        The same with each other format, and what speaks against it.

    Examples
    --------
    >>> choice = LayerChoice(0, (10, 64), "int8", "0.12 µs, 1,360 bytes in all", "float32: 0.15 µs, 2,040 bytes (slower)")
    >>> choice.config()["format"]
    'int8'
    """

    layer: int
    shape: tuple[int, int]
    format: str
    own: str
    why: str

    def config(self) -> dict[str, Any]:
        """For JSON."""
        return {"layer": self.layer, "shape": list(self.shape), "format": self.format, "own": self.own, "why": self.why}


@dataclass(eq=False)
class Formats:
    """Tries formats of networks.

    Attributes
    ----------
    original : Score
        On the rows that ``judge`` counts.
    judge : callable
        ``judge(model) -> Score``.
    goal : Goal
    rows : ndarray (rows, in_features)
        To calibrate with, and to time.
    over : callable
        Whether there is no time for more; one format of each network is tried all the same.
    seconds : float
        For one clock, of all.
    """

    original: Score
    judge: Callable[[Any], Score]
    goal: Goal
    rows: NDArray[Any]
    over: Callable[[], bool]
    seconds: ClassVar[float] = 0.04
    _known: dict[tuple[int, tuple[str, ...]], Attempt] = field(default_factory=dict)

    def uniform(self, network: MLP) -> list[Attempt]:
        """The network in each format, all layers alike."""
        count = len(network.layers)
        tried = [self.attempt(network, (name,) * count) for name in sorted(FORMATS, key=lambda name: name != "int8")]
        return [one for one in tried if one is not None]

    def best(self, network: MLP) -> Attempt:
        """The formats that serve the goal best."""
        current = min(self.uniform(network), key=self.rank)
        if len(network.layers) > 1:
            heavy = sorted(
                range(len(network.layers)),
                key=lambda i: -network.layers[i].in_features * network.layers[i].out_features,
            )
            for index in heavy:
                for other in self._others(network, current, index):
                    if self._pays(other, current):
                        current = other
        return current

    def explain(self, network: MLP, chosen: Attempt) -> tuple[LayerChoice, ...]:
        """Why each layer has its format: what each other one would mean, as far as there is time to try."""
        return tuple(self._choice(network, chosen, index) for index in range(len(network.layers)))

    def rank(self, one: Attempt) -> tuple[float, float]:
        """Less is better: what the bounds are missed by, then the cost, or without a largest loss the score."""
        missed = self.goal.misses(one.drop, one.file_bytes, one.seconds)
        excess = sum(factor - 1 for factor in missed.values())
        cost = self.goal.cost(one.file_bytes, one.seconds)
        return excess, cost if self.goal.max_loss is not None else one.drop.loss

    def _pays(self, other: Attempt, current: Attempt) -> bool:
        """Whether a change is no slower, and worth more than what two clocks of the same network differ by."""
        (excess, cost), (had, paid) = self.rank(other), self.rank(current)
        gain = excess < had or (
            excess == had and (cost * _WORTH < paid if self.goal.max_loss is not None else cost < paid)
        )
        return gain and other.seconds <= _SAME * current.seconds

    def attempt(self, network: MLP, formats: tuple[str, ...]) -> Attempt | None:
        """The network in these formats; None when there is no kernel for them, or no time."""
        key = (id(network), formats)
        if key not in self._known:
            if self.over() and any(known == id(network) for known, _ in self._known):
                return None
            try:
                model = in_formats(network, formats, self.rows[:_CALIBRATION_ROWS])
            except (TypeError, ValueError):
                return None
            score = self.judge(model)
            drop = compare(self.original, score)
            (seconds,) = one_row_seconds([model], self.rows, seconds=self.seconds)
            self._known[key] = Attempt(formats, model, score, drop, file_size(model), seconds)
        return self._known[key]

    def _others(self, network: MLP, current: Attempt, index: int) -> list[Attempt]:
        """What one layer in each other format makes of the network."""
        found = []
        for name in FORMATS:
            formats = (*current.formats[:index], name, *current.formats[index + 1 :])
            attempt = None if formats == current.formats else self.attempt(network, formats)
            if attempt is not None:
                found.append(attempt)
        return found

    def _choice(self, network: MLP, current: Attempt, index: int) -> LayerChoice:
        layer, chosen = network.layers[index], current.formats[index]
        others = [self._against(other, current, index) for other in self._others(network, current, index)]
        against = "; ".join(others) or "nothing was tried: no time"
        own = f"{1e6 * current.seconds:.2f} µs, {current.file_bytes:,} bytes in all"
        return LayerChoice(index, (layer.out_features, layer.in_features), chosen, own, against)

    def _against(self, other: Attempt, current: Attempt, index: int) -> str:
        """Why a layer does not have another format."""
        points = 100 * (other.drop.loss - current.drop.loss)
        what = (
            f"{other.formats[index]}: {1e6 * other.seconds:.2f} µs, {other.file_bytes:,} bytes, {-points:+.2f} points"
        )
        if other.seconds > _SAME * current.seconds:
            return f"{what} (slower)"
        if self.goal.max_loss is not None and not self.goal.accepts(other.drop):
            return f"{what} (too much is lost)"
        return f"{what} (larger)" if other.file_bytes > current.file_bytes else f"{what} (gains nothing)"


def in_formats(network: MLP, formats: Sequence[str], calibration: NDArray[Any] | None) -> Model:
    """The network with one of :data:`FORMATS` for each layer: :func:`sprat.pack` in the strategist's words."""
    from ...packing import pack

    if set(formats) == {"float32"} and not network.masks:
        return network.copy()
    if "int8 dynamic" in formats:
        if set(formats) != {"int8 dynamic"}:
            raise ValueError("formats: layers find the ranges of their inputs all in the same way")
        formats, calibration = ["int8"] * len(formats), None
    elif not any(one.startswith("int") for one in formats) or network.input_quant is not None:
        calibration = None  # nothing to calibrate, or quantization-aware training has found the ranges
    return pack(network, list(formats), calibration=calibration, plan="as asked")


def file_size(model: Model) -> int:
    """Bytes of the file that the model makes."""
    from ...io import container, registry

    format = registry.by_object(model)
    return sum(len(chunk) for chunk in container.chunks(format.kind, *format.encode(model)))
