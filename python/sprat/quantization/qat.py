"""Quantization-aware training: the network learns with the rounding that it will live with.

In every step the weights are fake-quantized from their present values, and the input of every layer by the moving
range of what came before; the gradient passes the rounding as if it were not there (straight-through estimator,
Bengio et al. 2013) and reaches the real weights. Afterwards :func:`quantize_model` makes the integer network that was
trained (Jacob et al. 2018, section 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _check, _device
from ..nn.mlp import MLP
from ..packing.formats import group_size_of
from ..packing.model import PackedMLP
from ..packing.pack import pack
from ..training.callbacks import Callback
from .arrays import fake_quantize
from .groups import fake_quantize_groups
from .observers import MovingAverage
from .post_training import GRANULARITIES, quantize_model, weight_qparams

if TYPE_CHECKING:
    from ..training.trainer import Trainer

__all__ = ["QATConfig", "QATState"]


@dataclass(frozen=True)
class QATConfig:
    """How to train with fake quantization: ``sprat.fit(..., qat=QATConfig())``.

    Parameters
    ----------
    weights : {"per_channel", "per_tensor", "int4"}
        int8 with one scale for each output or one for the whole weight, or int4 with one for each group of inputs.
    group_size : int
        For int4: consecutive inputs of an output that share a scale, a multiple of 32 as :func:`sprat.pack` wants it.
    averaging : float
        Weight of the newest batch in the moving range of each layer's input, in (0, 1]; the default is torch's.
    start_step : int
        Until then training is as usual, and ranges are only observed.
    freeze_step : int, optional
        From then on the ranges stay as they are.

    Notes
    -----
    Validation during ``fit`` measures the integer network itself. Afterwards ``model.input_quant`` holds the ranges,
    which :func:`quantize_model` and :func:`sprat.pack` take over; ``model.input_quant = None`` makes it an ordinary float
    model again. With int4 the network usually has to be trained in float first: 15 levels are few to begin with.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.quantization import QATConfig, quantize_model
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = sprat.nn.MLP([1, 16, 1], activation="tanh", seed=0)
    >>> history = sprat.fit(model, x, np.sin(3 * x), epochs=20, batch_size=16, lr=0.01, qat=QATConfig())
    >>> quantize_model(model)
    PackedMLP(1-16-1, tanh, static int8)
    >>> history = sprat.fit(model, x, np.sin(3 * x), epochs=20, lr=0.01, qat=QATConfig("int4"))
    >>> history["loss"][-1] < 0.1
    True
    """

    weights: str = "per_channel"
    averaging: float = 0.01
    start_step: int = 0
    freeze_step: int | None = None
    group_size: int = 32

    def __post_init__(self) -> None:
        _check.check_choice("weights", self.weights, (*GRANULARITIES, "int4"))
        group_size_of(self.group_size)
        _check.check_number("averaging", self.averaging, 0.0, 1.0, open_low=True)
        _check.check_count("start_step", self.start_step, 0)
        if self.freeze_step is not None:
            _check.check_count("freeze_step", self.freeze_step, 0)

    def attach(self, trainer: Trainer) -> None:
        """Put fake quantization into a training run; ``fit`` calls it."""
        _device.refuse("quantization-aware training", trainer.model)
        state = QATState(trainer.model, self)
        trainer.step_params = lambda: state.before_step(trainer.step)
        trainer.scored_model = state.measured
        trainer.callbacks.insert(0, _Observe(state))
        settings = [self.weights, self.averaging, self.start_step, self.freeze_step]
        trainer.settings["qat"] = [*settings, self.group_size] if self.weights == "int4" else settings


class QATState:
    """Fake quantization for a training loop of one's own.

    Parameters
    ----------
    model : nn.MLP
        Its ``input_quant`` is set before every step; its parameters stay the real ones.
    config : QATConfig, optional

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x, y = np.eye(4, dtype=np.float32), np.arange(4)
    >>> model = sprat.nn.MLP([4, 16, 4], seed=0)
    >>> optimizer = sprat.optim.Adam(model, lr=0.01)
    >>> state = sprat.quantization.QATState(model)
    >>> for step in range(20):
    ...     params = state.before_step(step)  # fake-quantized weights; sets model.input_quant
    ...     loss, gradients = model.loss_and_gradients(x, y, params=params)
    ...     applied = optimizer.step(gradients)
    ...     state.after_step(step)  # observes what the layers read
    >>> state.convert()
    PackedMLP(4-16-4, relu, static int8)
    """

    def __init__(self, model: MLP, config: QATConfig | None = None) -> None:
        if not isinstance(model, MLP):
            raise TypeError(f"model: wanted an nn.MLP, got {type(model).__name__}")
        self.model = model
        self.config = QATConfig() if config is None else config
        self._observers = [MovingAverage(self.config.averaging) for _ in model.layers]
        self._params: NDArray[Any] | None = None
        self._structure = -1

    def before_step(self, step: int) -> NDArray[Any]:
        """The parameters to run with in step ``step`` (counted from 0), valid until the next call.

        Also sets ``model.input_quant`` to the present ranges.
        """
        self._follow_structure()
        if step < self.config.start_step:
            self.model.input_quant = None
            return self.model.params
        self.model.input_quant = self.input_quant()
        return self._fake_quantized()

    def after_step(self, step: int) -> None:
        """Let the observers see what the layers read in the last training pass, that of step ``step``.

        Raises
        ------
        FloatingPointError
            When an activation is not finite; no observer has changed.
        """
        if self.config.freeze_step is not None and step >= self.config.freeze_step and self._ready():
            return
        self._follow_structure()
        inputs = [self.model.training_inputs()]
        inputs += [self.model.training_activations(index) for index in range(len(self.model.layers) - 1)]
        for index, values in enumerate(inputs):
            if not np.isfinite(values).all():
                raise FloatingPointError(f"what layer {index} reads became infinite or NaN")
        for observer, values in zip(self._observers, inputs, strict=True):
            observer.observe(values)

    def input_quant(self) -> list[tuple[float, int, int, int] | None]:
        """Scale, zero point, quant_min, quant_max of each layer's input; None where nothing was observed yet."""
        if not self._ready():
            return [None] * len(self._observers)
        qparams = [observer.qparams("uint8") for observer in self._observers]
        return [(float(scale), int(zero), 0, 255) for scale, zero in qparams]

    def convert(self) -> PackedMLP:
        """The integer network of the present weights and ranges.

        It computes the sums of the fake-quantized network exactly, where that one rounds: outputs agree to float32
        rounding, but where that turns a code of a hidden layer over to its neighbour, to one step of that code.
        """
        if not self._ready():
            raise ValueError("convert: no step was observed yet")
        before = self.model.input_quant
        self.model.input_quant = self.input_quant()
        try:
            if self.config.weights == "int4":
                return pack(self.model, "int4", group_size=self.config.group_size, zeros="dense", plan="as asked")
            return quantize_model(self.model, weights=self.config.weights)
        finally:
            self.model.input_quant = before

    def measured(self) -> Any:
        """What validation shall measure: the integer network, as soon as training is about one."""
        return self.convert() if self.model.input_quant is not None and self._ready() else self.model

    def state_dict(self) -> dict[str, Any]:
        """The ranges, for a checkpoint."""
        return {"observers": [observer.state_dict() for observer in self._observers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        found = state["observers"]
        if len(found) != len(self._observers):
            raise ValueError(f"qat: wanted ranges of {len(self._observers)} layers, got {len(found)}")
        for observer, ranges in zip(self._observers, found, strict=True):
            observer.load_state_dict(ranges)

    def _ready(self) -> bool:
        return all(observer.observed for observer in self._observers)

    def _follow_structure(self) -> None:
        """Another number of layers begins anew; another number of neurons keeps the ranges."""
        model = self.model
        if self._params is not None and self._structure == model._structure_version:
            return
        self._structure = model._structure_version
        self._params = np.empty_like(model.params)
        if len(self._observers) != len(model.layers):
            self._observers = [MovingAverage(self.config.averaging) for _ in model.layers]

    def _fake_quantized(self) -> NDArray[Any]:
        assert self._params is not None
        self._params[...] = self.model.params  # biases stay as they are
        for name, view in self.model._layout.views(self._params).items():
            if not name.endswith(".weight"):
                continue
            if self.config.weights == "int4":
                fake_quantize_groups(view, self.config.group_size, out=view)
            else:
                scale = weight_qparams(view, self.config.weights)
                fake_quantize(view, scale, axis=0, quant_min=-127, out=view)
        return self._params


class _Observe(Callback):
    """After each step that was taken, the ranges move."""

    def __init__(self, state: QATState) -> None:
        self._state = state

    def on_batch_end(self, trainer: Trainer) -> None:
        if math.isfinite(trainer.loss):  # else the batch was left out
            self._state.after_step(trainer.step - 1)

    def on_train_end(self, trainer: Trainer) -> None:
        if trainer.step > self._state.config.start_step:
            trainer.model.input_quant = self._state.input_quant()

    def state_dict(self) -> dict[str, Any]:
        return self._state.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state.load_state_dict(state)
