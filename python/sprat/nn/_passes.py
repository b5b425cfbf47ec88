"""The passes of a network: forward, backward, and both around a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .. import _core, _device
from . import losses as _losses
from ._parameters import Gradients, ParameterLayout
from .losses._base import is_native
from .model import Array, LayerSpec, Model

FakeQuant = tuple[float, int, int, int]


class Passes(Model):
    """What runs over the parameters of a network; :class:`sprat.nn.MLP` holds them."""

    _input_quant: Sequence[FakeQuant | None] | None = None
    _layout: ParameterLayout
    _native: _core.Mlp
    _params: Array
    _workspace: _core.Workspace
    _pass: tuple[Array, Array | None] | None  # x and parameters of the last training pass; None: backward is done
    _trainable: list[str]
    _views: dict[str, Array]
    _structure_version: int
    _frozen_flags: npt.NDArray[np.uint8] | None

    @property
    def input_quant(self) -> Sequence[FakeQuant | None] | None:
        """Fake quantization of each layer's input, in every pass: see :class:`sprat.nn.MLP`."""
        return self._input_quant

    @input_quant.setter
    def input_quant(self, ranges: Sequence[FakeQuant | None] | None) -> None:
        self._input_quant = ranges
        self._choose_runner()

    def _choose_runner(self) -> None:
        """What calls go to: to be done whenever the structure, the parameters' array or ``input_quant`` is another."""
        plain = self._input_quant is None
        self._set_runner(self._place.runner(self._native, self._params) if plain else None)

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """The layers, from the input to the output."""
        return self._layout.layers

    @property
    def in_features(self) -> int:
        """Columns of ``x``."""
        return self.layers[0].in_features

    @property
    def out_features(self) -> int:
        """Columns of the output."""
        return self.layers[-1].out_features

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._layout.dtype

    def _lie_in(self, place: _device.Place, params: Array) -> None:
        """Take ``params``, an array of this place, and what computes with it there."""
        native, workspace = place.network(self._layout), place.workspace()
        self._place, self._params, self._native, self._workspace = place, params, native, workspace
        self._views = self._layout.views(params)
        self._pass = None
        self._choose_runner()

    def to(self, device: str) -> Self:
        """Move the parameters, in place: ``"cuda"`` computes on the GPU from now on, ``"cpu"`` here.

        Parameters
        ----------
        device : {"cpu", "cuda"}

        Returns
        -------
        Self
            This model. Optimizers made with it follow it, with their states.

        Raises
        ------
        RuntimeError
            One line, and nothing is changed, if there is no CUDA module, no driver or no device.

        Notes
        -----
        A model on the device takes arrays on the device (:mod:`sprat.cuda`) and gives such; its bits are those of the
        CPU. ``fit``, ``evaluate`` and ``predict`` take arrays in host memory and copy what they need. Masks stay here.

        Examples
        --------
        >>> import sprat
        >>> model = sprat.nn.MLP([4, 8, 2])
        >>> if sprat.cuda.is_available():
        ...     y = model.to("cuda")(sprat.cuda.array([[1.0, 2.0, 3.0, 4.0]], "float32"))
        >>> model.to("cpu").device
        'cpu'
        """
        place = _device.place(device)
        if place is not self._place:
            params = place.aligned_empty(self._layout.size, self.dtype)
            params[...] = _device.to_host(self._params)
            self._lie_in(place, params)
            self._structure_version += 1
        return self

    def _layer_index(self, layer: int) -> int:
        count = len(self.layers)
        if isinstance(layer, bool) or not hasattr(layer, "__index__") or not -count <= layer < count:
            raise ValueError(f"layer: wanted 0 to {count - 1}, got {layer!r}")
        return int(layer) % count

    def _run(self, x: Array, out: Array) -> None:
        self._native.forward(self._params, x, len(self.layers) - 1, out, self.input_quant)

    def _native_predictor(self) -> _core.Predictor:
        if self.input_quant is not None:
            raise ValueError("predictor: the model is under quantization-aware training; quantize it first")
        if self.device != "cpu":
            return _core.Predictor(self._layout.native(), _device.to_host(self._params))
        return _core.Predictor(self._native, self._params)

    def hidden(self, x: npt.ArrayLike, layer: int) -> Array:
        """Activations after a layer, without dropout: (rows, its out_features).

        >>> from sprat.nn import MLP
        >>> MLP([4, 8, 2]).hidden([[1, 2, 3, 4]], 0).shape
        (1, 8)
        """
        index = self._layer_index(layer)
        inputs = self._inputs(x)
        out: Array = self._place.empty((inputs.shape[0], self.layers[index].out_features), self.dtype)
        self._native.forward(self._params, inputs, index, out, self.input_quant)
        return out

    def forward(
        self,
        x: npt.ArrayLike,
        training: bool = False,
        *,
        dropout_seed: int = 0,
        step: int = 0,
        first_row: int = 0,
        params: Array | None = None,
    ) -> Array:
        """Raw outputs; with ``training`` dropout acts and ``backward`` may follow.

        Parameters
        ----------
        x : array_like (rows, in_features)
            Must not change between ``forward`` and ``backward``.
        training : bool
            Keep what ``backward`` needs.
        dropout_seed, step : int
            Which elements dropout drops is a function of (dropout_seed, step, layer, row, column).
        first_row : int
            Number of the first row of ``x`` when a batch is worked on in parts.
        params : ndarray, optional
            Use these parameters instead of ``model.params`` (same length and dtype).

        Returns
        -------
        ndarray (rows, out_features)
        """
        inputs = self._inputs(x)
        values = self._params if params is None else params
        out: Array = self._place.empty((inputs.shape[0], self.out_features), self.dtype)
        if not training:
            self._native.forward(values, inputs, len(self.layers) - 1, out, self.input_quant)
            return out
        self._pass = None
        self._native.forward_train(values, inputs, self._workspace, dropout_seed, step, first_row, self.input_quant)
        self._pass = (inputs, values)
        self._native.activations(self._workspace, len(self.layers) - 1, out)
        return out

    def training_inputs(self) -> Array:
        """``x`` of the last training pass, as the kernels read it."""
        if self._pass is None:
            raise ValueError("training_inputs: there was no training pass yet")
        return self._pass[0]

    def training_activations(self, layer: int) -> Array:
        """Activations after a layer in the last training pass, before dropout: what ``hidden_gradients`` refers to."""
        index = self._layer_index(layer)
        rows = self.training_inputs().shape[0]
        out: Array = self._place.empty((rows, self.layers[index].out_features), self.dtype)
        self._native.activations(self._workspace, index, out)
        return out

    def backward(
        self,
        grad_output: npt.ArrayLike,
        hidden_gradients: Mapping[int, npt.ArrayLike] | None = None,
        *,
        grad_x: Array | None = None,
        out: Gradients | None = None,
    ) -> Gradients:
        """The gradients of the last ``forward(x, training=True)``.

        Parameters
        ----------
        grad_output : array_like (rows, out_features)
            Gradient with respect to the output.
        hidden_gradients : dict of layer index to array_like (rows, out_features of the layer), optional
            Further gradients with respect to activations of hidden layers (``training_activations``), for losses that
            look inside the network.
        grad_x : ndarray (rows, in_features), optional
            Receives the gradient with respect to ``x``.
        out : Gradients, optional
            What an earlier call returned; written again.

        Returns
        -------
        Gradients
            Gradient arrays by parameter name, without those of frozen parameters.

        Examples
        --------
        >>> import numpy as np
        >>> from sprat.nn import MLP
        >>> model = MLP([2, 3, 1])
        >>> y = model.forward(np.ones((4, 2)), training=True)
        >>> model.backward(np.ones((4, 1)))["layers.1.bias"]
        array([4.], dtype=float32)
        """
        inputs, params = self._forward_pass()
        rows = inputs.shape[0]
        grad_output = self._place.matrix("grad_output", grad_output, self.out_features, self.dtype, rows)
        hidden: dict[int, Array] | None = None
        if hidden_gradients:
            hidden = {}
            for layer, gradient in hidden_gradients.items():
                index = self._layer_index(layer)
                columns = self.layers[index].out_features
                hidden[index] = self._place.matrix(f"hidden_gradients[{layer}]", gradient, columns, self.dtype, rows)
        gradients = self._gradients(out)
        self._native.backward(
            params, self._workspace, grad_output, rows, gradients.flat, grad_x, self._frozen_flags, hidden
        )
        return gradients

    def _forward_pass(self) -> tuple[Array, Array]:
        inputs, params = self._pass or (None, None)
        if inputs is None or params is None:
            raise ValueError("backward: call forward(x, training=True) first")
        return inputs, params

    def _gradients(self, out: Gradients | None) -> Gradients:
        if out is None:
            return Gradients(self._layout, self._trainable, self._place)
        if not isinstance(out, Gradients):
            raise TypeError(f"out: wanted Gradients of an earlier call, got {type(out).__name__}")
        if not out.fits(self._layout, self._trainable, self._place):
            raise ValueError("out: belongs to another structure, or other parameters are frozen now")
        return out

    def loss_and_gradients(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None,
        *,
        loss: Any = "cross_entropy",
        sample_weight: npt.ArrayLike | None = None,
        teacher: npt.ArrayLike | None = None,
        training: bool = True,
        dropout_seed: int = 0,
        step: int = 0,
        first_row: int = 0,
        params: Array | None = None,
        out: Gradients | None = None,
    ) -> tuple[float, Gradients]:
        """Forward, loss and backward in one native call.

        Parameters
        ----------
        x : array_like (rows, in_features)
        y : array_like
            Class ids (rows,) or shares (rows, out_features) for ``cross_entropy``; else (rows, out_features), or
            (rows,) when there is one output. May be None for ``Distillation(alpha=1)``.
        loss : str, loss object or callable
            See :mod:`sprat.nn.losses`; a callable is called as ``loss(output, y, sample_weight)`` and returns
            (value, gradient with respect to output).
        sample_weight : array_like (rows,), optional
        teacher : array_like (rows, out_features), optional
            Raw outputs to imitate, for :class:`sprat.nn.losses.Distillation` and for it alone.
        training : bool
            Whether dropout acts.
        dropout_seed, step, first_row, params
            As for ``forward``.
        out : Gradients, optional
            What an earlier call returned; written again instead of allocating.

        Returns
        -------
        loss : float
        gradients : Gradients
            Arrays by parameter name, without those of frozen parameters; ``gradients.flat`` is laid out as ``params``.

        Examples
        --------
        >>> import numpy as np
        >>> from sprat.nn import MLP
        >>> model = MLP([2, 3, 2], seed=0)
        >>> loss, gradients = model.loss_and_gradients([[1.0, 2.0]], [1])
        >>> gradients["layers.0.weight"].shape
        (3, 2)
        """
        chosen = _losses.get(loss)
        inputs = self._inputs(x)
        rows, columns = inputs.shape[0], self.out_features
        place = self._place
        weight = None if sample_weight is None else place.vector("sample_weight", sample_weight, rows, self.dtype)
        if isinstance(chosen, _losses.Distillation) and teacher is None:
            raise TypeError(f"teacher: wanted the teacher's raw outputs, which {chosen!r} needs, got None")
        if teacher is not None and not isinstance(chosen, _losses.Distillation):
            raise TypeError(f"teacher: wanted None, as {chosen!r} learns without")
        if not is_native(chosen):
            return self._with_own_loss(chosen, inputs, y, weight, training, dropout_seed, step, first_row, params, out)
        gradients = self._gradients(out)
        target = None if y is None else place.target(chosen, y, rows, columns, self.dtype)
        self._pass = None  # the workspace is about to hold another pass
        value = self._native.loss_and_gradients(
            self._params if params is None else params,
            inputs,
            target,
            workspace=self._workspace,
            grads=gradients.flat,
            sample_weight=weight,
            teacher=None if teacher is None else place.matrix("teacher", teacher, columns, self.dtype, rows),
            frozen=self._frozen_flags,
            dropout_seed=dropout_seed,
            step=step,
            first_row=first_row,
            without_dropout=not training,
            input_quant=self.input_quant,
            **chosen.native_options(self.dtype),
        )
        self._pass = (inputs, None)
        return value, gradients

    def _with_own_loss(
        self,
        loss: Any,
        x: Array,
        y: Any,
        weight: Array | None,
        training: bool,
        dropout_seed: int,
        step: int,
        first_row: int,
        params: Array | None,
        out: Gradients | None,
    ) -> tuple[float, Gradients]:
        self._pass = None
        values = self._params if params is None else params
        self._native.forward_train(
            values, x, self._workspace, dropout_seed, step, first_row, self.input_quant, without_dropout=not training
        )
        self._pass = (x, values)
        output = self.training_activations(-1)
        value, gradient = loss(output, y) if weight is None else loss(output, y, weight)
        return float(value), self.backward(gradient, out=out)
