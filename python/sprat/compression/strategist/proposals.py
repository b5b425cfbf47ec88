"""Which smaller networks are worth a try: shapes and zeros that follow from the original's own shape.

A proposal is a list of stages without training; the strategist trains what they make. Widths fall along one ladder, so
that every region of the trade between size and score has a few candidates and no data set is favoured.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...nn import MLP
from ..stages import Distill, LowRank, PruneNeurons, PruneWeights, Stage
from ..training import Training, TrainingData

_UNTRAINED = Training(epochs=0)
# Shares of the hidden widths. Two neighbours differ by a factor of 1.3 to 1.5: what is lost by not trying in between.
_LADDER = (3 / 4, 1 / 2, 3 / 8, 1 / 4, 3 / 16, 1 / 8, 3 / 32, 1 / 16, 1 / 32)
# A register of the widest instruction set holds 16 outputs, one of the narrowest 4; a wider layer costs whole
# registers.
_WIDE, _NARROW = 16, 4
_ENERGIES = (0.9, 0.8)
# Zeros as the kernels like them: blocks for integers, balanced rows for float32 (see sprat.prune.patterns).
_WORTH = 0.05  # share of all weights from which a layer is worth zeros
_ZEROS = {"16x4": (0.5, 0.75), "n:32": (0.5, 0.75, 0.875)}


@dataclass(frozen=True)
class Proposal:
    """A network to try.

    Parameters
    ----------
    stages : tuple of Stage
        That lead to it, none of which trains.
    parent : str, optional
        The trained candidate they begin with; None: the original.

    Examples
    --------
    >>> from sprat.compression import PruneNeurons
    >>> Proposal((PruneNeurons(0.5),)).name
    '50% of neurons removed'
    """

    stages: tuple[Stage, ...] = ()
    parent: str | None = None

    @property
    def name(self) -> str:
        """What was done, in words."""
        own = ", ".join(stage.name for stage in self.stages)
        return ", ".join(part for part in (self.parent, own) if part) or "as it is"

    def build(self, start: MLP, data: TrainingData) -> MLP:
        """The untrained candidate; ``start`` is the original or the trained parent."""
        model: Any = start
        for stage in self.stages:
            model = stage.apply(model, data)
        return model.copy() if model is start else model

    def config(self) -> dict[str, Any]:
        """The stages, for JSON."""
        stages = [
            {"stage": type(stage).__name__, **{k: v for k, v in asdict(stage).items() if k != "training"}}  # type: ignore[call-overload]
            for stage in self.stages
        ]
        return {"name": self.name, "parent": self.parent, "stages": stages}


def proposals(model: MLP, seed: int = 0) -> list[Proposal]:
    """Networks that do less than the original, the least first; deterministic.

    >>> import sprat
    >>> found = proposals(sprat.nn.MLP([64, 32, 10]))
    >>> [proposal.name for proposal in found][:3]
    ['cut to 4', 'cut to 8', 'student linear, distilled']
    """
    hidden = tuple(layer.out_features for layer in model.layers[:-1])
    ends = model.in_features, model.out_features
    found: dict[tuple[int, ...], tuple[int, Proposal]] = {}

    def add(stage: Stage, widths: tuple[int, ...]) -> None:
        sizes = (ends[0], *widths, ends[1])
        found.setdefault(widths, (sum(a * b for a, b in pairwise(sizes)), Proposal((stage,))))

    for share in _LADDER:
        widths = tuple(rounded(share * width) for width in hidden)
        if hidden and widths != hidden and all(a <= b for a, b in zip(widths, hidden, strict=True)):
            # Taylor's first order asks what the loss would lose: the best start of three criteria that were measured.
            add(PruneNeurons(training=_UNTRAINED, widths=widths, criterion="taylor"), widths)
        if len(hidden) > 1 and widths[0] < hidden[0]:
            # One layer less: a call costs a little for each layer, whatever its width.
            add(_student(model, widths[:-1], seed), widths[:-1])
    if hidden:
        add(_student(model, (), seed), ())
    # The factors of a masked weight would have no zeros.
    for energy in () if any(name.endswith("weight") for name in model.masks) else _ENERGIES:
        stage = LowRank(energy, _UNTRAINED)
        thin: Any = stage.apply(model, TrainingData([], []))  # without training it looks at no row
        if len(thin.layers) > len(model.layers):
            add(stage, tuple(layer.out_features for layer in thin.layers[:-1]))
    return [proposal for _, proposal in sorted(found.values(), key=lambda one: one[0])]


def with_zeros(parent: str, model: MLP) -> list[list[Proposal]]:
    """The same trained network with zeros, by pattern; in each list more and more of them."""
    if any(name.endswith("weight") for name in model.masks):
        return []
    # Each layer for itself: ranked together, blocks would take all of a small output layer. What is small stays whole.
    weights = [layer.in_features * layer.out_features for layer in model.layers]
    layers = tuple(index for index, size in enumerate(weights) if size >= _WORTH * sum(weights))
    rest: dict[str, Any] = {"training": _UNTRAINED, "scope": "layer", "layers": layers}
    return [
        [Proposal((PruneWeights(sparsity=share, pattern=pattern, **rest),), parent) for share in shares]
        for pattern, shares in _ZEROS.items()
    ]


def work(model: Any) -> int:
    """Multiplications of one row that zeros do not spare."""
    return sum(int(np.count_nonzero(w)) for name, w in model.parameters().items() if name.endswith("weight"))


def rounded(width: float) -> int:
    """A width as the kernels like it: a multiple of 16, below that of 4.

    >>> [rounded(width) for width in (2, 7, 24, 100)]
    [4, 8, 32, 96]
    """
    unit = _WIDE if width >= _WIDE else _NARROW
    return max(_NARROW, unit * int(width / unit + 0.5))


def _student(model: MLP, hidden: tuple[int, ...], seed: int) -> Distill:
    activation = model.layers[0].activation
    return Distill(hidden, activation=activation, seed=seed, training=_UNTRAINED)
