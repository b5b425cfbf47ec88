"""What one stage of a compression does: train again, distil, prune weights, prune neurons, factorize, quantize, pack.

A stage is a small frozen description. ``apply`` leaves the model it is given alone and returns another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from ..nn import MLP, Model
from .training import Training, TrainingData, finished

# Rows that criteria of neurons look at: an importance is a mean, and some thousand rows settle it.
_CRITERION_ROWS = 4096


class Stage(Protocol):
    """One stage. ``name`` says in a few words what it does; it heads the stage's row in a table.

    Anything with ``name`` and ``apply`` is a stage:

    >>> import numpy as np, sprat
    >>> from sprat.compression import TrainingData, apply_stages
    >>> class Forget:
    ...     name = "forget everything"
    ...     def apply(self, model, data):
    ...         return sprat.nn.MLP([model.in_features, model.out_features])
    >>> data = TrainingData(np.eye(4), np.array([0, 1, 0, 1]))
    >>> apply_stages(sprat.nn.MLP([4, 8, 2]), [Forget()], data)
    [('forget everything', MLP(4-2, identity, 10 parameters, float32))]
    """

    @property
    def name(self) -> str: ...

    def apply(self, model: Model, data: TrainingData) -> Model:
        """The next model; ``model`` stays as it is."""
        ...


def _float_copy(model: Model, stage: str) -> MLP:
    if not isinstance(model, MLP):
        raise TypeError(f"{stage}: wanted a float model (nn.MLP), got {type(model).__name__}; quantize last")
    return model.copy()


@dataclass(frozen=True)
class Retrain:
    """Train on, under the masks the model has.

    Parameters
    ----------
    training : Training
    name : str

    Examples
    --------
    >>> from sprat.compression import Retrain, Training
    >>> Retrain(Training(epochs=3)).name
    'trained on'
    """

    training: Training = field(default_factory=Training)
    name: str = "trained on"

    def apply(self, model: Model, data: TrainingData) -> Model:
        trained = _float_copy(model, self.name)
        self.training.fit(trained, data)
        return trained


@dataclass(frozen=True)
class Distill:
    """Teach a small student what the model says; the student is the next model.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the student's hidden layers; inputs and outputs are the teacher's.
    temperature, alpha : float
        As for :func:`sprat.distill`. ``alpha=0`` trains the student alone, to compare with.
    activation : str
        Of the student's hidden layers.
    seed : int
        Of the student's first weights.
    training : Training

    Examples
    --------
    >>> from sprat.compression import Distill
    >>> Distill([16]).name, Distill([16], alpha=0).name
    ('student 16, distilled', 'student 16, alone')
    """

    hidden: Sequence[int]
    temperature: float = 4.0
    alpha: float = 0.5
    activation: str = "relu"
    seed: int = 0
    training: Training = field(default_factory=Training)

    @property
    def name(self) -> str:
        how = "distilled" if self.alpha else "alone"
        return f"student {'-'.join(map(str, self.hidden)) or 'linear'}, {how}"

    def apply(self, model: Model, data: TrainingData) -> Model:
        from ..distillation import distill

        sizes = [model.in_features, *self.hidden, model.out_features]
        student = MLP(sizes, activation=self.activation, seed=self.seed)
        student.loss_name, student.encoder = model.loss_name, model.encoder
        if self.alpha == 0:
            self.training.fit(student, data)
        elif self.training.epochs:
            options = self.training.options(len(data.x))
            history = distill(
                model,
                student,
                data.x,
                data.y,
                temperature=self.temperature,
                alpha=self.alpha,
                loss=model.loss_name,
                **options,
            )
            finished(history)
        return student


@dataclass(frozen=True)
class PruneWeights:
    """Set small weights to zero, then train again under the mask.

    Parameters
    ----------
    sparsity : float, optional
        Share of zeros, over all layers together.
    threshold : float, optional
        Instead: weights below it in absolute value go.
    pattern : str
        With ``sparsity``: in which pattern zeros come, see :mod:`sprat.prune.patterns`.
    scope, layers
        With ``sparsity``: as for :func:`sprat.prune.weights`.
    training : Training
        Of what is left.

    Examples
    --------
    >>> from sprat.compression import PruneWeights
    >>> PruneWeights(sparsity=0.9).name, PruneWeights(threshold=0.05).name
    ('90% of weights pruned', 'weights below 0.05 pruned')
    """

    sparsity: float | None = None
    threshold: float | None = None
    training: Training = field(default_factory=Training)
    pattern: str = "unstructured"
    scope: str = "global"
    layers: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if (self.sparsity is None) == (self.threshold is None):
            raise ValueError("sparsity, threshold: wanted one of the two")
        if self.sparsity is not None and not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity: wanted a share from 0 to below 1, got {self.sparsity!r}")
        if self.threshold is not None and not self.threshold >= 0:
            raise ValueError(f"threshold: wanted a number of at least 0, got {self.threshold!r}")

    @property
    def name(self) -> str:
        if self.sparsity is not None:
            where = "" if self.pattern == "unstructured" else f" ({self.pattern})"
            return f"{100 * self.sparsity:g}% of weights pruned{where}"
        return f"weights below {self.threshold:g} pruned"

    def apply(self, model: Model, data: TrainingData) -> Model:
        from .. import prune

        pruned = _float_copy(model, self.name)
        if self.sparsity is not None:
            prune.weights(pruned, self.sparsity, pattern=self.pattern, scope=self.scope, layers=self.layers)
        elif self.threshold is not None:
            prune.threshold(pruned, self.threshold)
        self.training.fit(pruned, data)
        return pruned


@dataclass(frozen=True)
class PruneNeurons:
    """Remove the least important hidden neurons for real, then those that are dead, then train again.

    Parameters
    ----------
    amount : float or int
        Share, or number, of every hidden layer's neurons.
    widths : sequence of int, optional
        Instead: how many neurons stay in each hidden layer.
    criterion : str
        Of :func:`sprat.prune.neurons`; those that look at data see the first 4096 training rows.
    training : Training
        Of what is left.

    Examples
    --------
    >>> from sprat.compression import PruneNeurons
    >>> PruneNeurons(0.5).name, PruneNeurons(3).name, PruneNeurons(widths=(64, 32)).name
    ('50% of neurons removed', '3 neurons removed', 'cut to 64-32')
    """

    amount: float | int = 0
    training: Training = field(default_factory=Training)
    widths: Sequence[int] | None = None
    criterion: str = "l2"

    @property
    def name(self) -> str:
        if self.widths is not None:
            return f"cut to {'-'.join(map(str, self.widths))}"
        share = isinstance(self.amount, float)
        return f"{100 * self.amount:g}% of neurons removed" if share else f"{self.amount} neurons removed"

    def apply(self, model: Model, data: TrainingData) -> Model:
        from .. import prune
        from ..prune.importance import BY_WEIGHTS

        pruned = _float_copy(model, self.name)
        options: dict[str, Any] = {"criterion": self.criterion, "loss": model.loss_name}
        if self.criterion not in BY_WEIGHTS:
            options["data"] = (data.x[:_CRITERION_ROWS], data.y[:_CRITERION_ROWS])
        if self.widths is None:
            prune.neurons(pruned, self.amount, **options)
        elif len(self.widths) != len(pruned.layers) - 1:
            raise ValueError(
                f"widths: wanted one for each of {len(pruned.layers) - 1} hidden layers, got {self.widths}"
            )
        else:
            gone = [layer.out_features - width for layer, width in zip(pruned.layers, self.widths, strict=False)]
            for index, count in enumerate(gone):
                prune.neurons(pruned, count, layers=[index], **options)
        prune.remove_dead(pruned)
        self.training.fit(pruned, data)
        return pruned


@dataclass(frozen=True)
class LowRank:
    """Replace every layer, where that makes it smaller, by two thin ones, then train again.

    Parameters
    ----------
    energy : float
        Share of the squared singular values that each layer keeps.
    training : Training
        Of the thin layers.

    Examples
    --------
    >>> from sprat.compression import LowRank
    >>> LowRank(0.9).name
    'low rank, 90% of the energy'
    """

    energy: float = 0.95
    training: Training = field(default_factory=Training)

    @property
    def name(self) -> str:
        return f"low rank, {100 * self.energy:g}% of the energy"

    def apply(self, model: Model, data: TrainingData) -> Model:
        from .. import structure

        thin = _float_copy(model, self.name)
        for index in reversed(range(len(thin.layers))):
            thinner = thin.copy()
            done = structure.low_rank(thinner, index, energy=self.energy)
            if done.parameters_after < done.parameters_before:
                thin = thinner
        self.training.fit(thin, data)
        return thin


@dataclass(frozen=True)
class Quantize:
    """Integers for weights and activations.

    Parameters
    ----------
    mode : "static", "dynamic" or "aware"
        Static: ranges of activations from training rows. Dynamic: from each row as it comes.
        Aware: static ranges and weights that were trained on with the rounding in place.
    observer : str
        How static ranges are found, see :mod:`sprat.quantization.observers`.
    calibration_rows : int
        How many rows fix them.
    training : Training
        For "aware" alone.

    Examples
    --------
    >>> from sprat.compression import Quantize
    >>> Quantize().name, Quantize("dynamic").name
    ('int8 static', 'int8 dynamic')
    """

    mode: Literal["static", "dynamic", "aware"] = "static"
    observer: str = "minmax"
    calibration_rows: int = 1024
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.mode not in ("static", "dynamic", "aware"):
            raise ValueError(f"mode: wanted 'static', 'dynamic' or 'aware', got {self.mode!r}")

    @property
    def name(self) -> str:
        return f"int8 {self.mode}"

    def apply(self, model: Model, data: TrainingData) -> Model:
        from ..quantization import QATConfig, quantize_model

        if not isinstance(model, MLP):
            raise TypeError(f"{self.name}: wanted a float model (nn.MLP), got {type(model).__name__}")
        if self.mode == "dynamic":
            return quantize_model(model)
        if self.mode == "aware":
            model = model.copy()
            self.training.fit(model, data, qat=QATConfig())
            return quantize_model(model)
        rows = np.ascontiguousarray(data.x[: self.calibration_rows], model.dtype)
        return quantize_model(model, calibration=rows, observer=self.observer)


@dataclass(frozen=True)
class Pack:
    """A number format for the weights, zeros left out where that is faster: see :func:`sprat.pack`.

    Parameters
    ----------
    weights : str
        "float32", which keeps every bit of the output, "float16", "bfloat16", "int8" or "int4".
    calibration_rows : int
        Training rows that fix the ranges of activations, for integers.

    Examples
    --------
    >>> from sprat.compression import Pack
    >>> Pack().name, Pack("int8").name
    ('packed', 'packed, int8')
    """

    weights: str = "float32"
    calibration_rows: int = 1024

    @property
    def name(self) -> str:
        return "packed" if self.weights == "float32" else f"packed, {self.weights}"

    def apply(self, model: Model, data: TrainingData) -> Model:
        from ..packing import pack
        from ..packing.formats import INTEGERS

        if not isinstance(model, MLP):
            raise TypeError(f"{self.name}: wanted a float model (nn.MLP), got {type(model).__name__}")
        integer = self.weights in INTEGERS
        rows = np.ascontiguousarray(data.x[: self.calibration_rows], model.dtype) if integer else None
        return pack(model, self.weights, calibration=rows)


__all__ = [
    "Distill",
    "LowRank",
    "Pack",
    "PruneNeurons",
    "PruneWeights",
    "Quantize",
    "Retrain",
    "Stage",
]
