"""A network on the device: what ``_core.Mlp`` and ``_core.Workspace`` are on the host, for arrays of the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._arguments import Call, want_apart
from ._array import Array, array
from ._native import module as native
from ._streams import wait

FakeQuant = tuple[float, int, int, int]


class Workspace:
    """What a training pass keeps, in memory of the device; of one stream at a time."""

    def __init__(self) -> None:
        self._native = native().Workspace()
        self._stream: int | None = None  # of the last call

    def on(self, stream: int) -> Any:
        """The native workspace, for a call on ``stream``."""
        wait(stream, self._stream)
        self._stream = stream
        return self._native


class LossOptions:
    """What a loss is told besides the batch; its weights of classes are copied to the device once."""

    def __init__(self) -> None:
        self._copies: dict[str, tuple[Any, Array]] = {}  # the last of each name

    def on(self, stream: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments of the native calls, of those that ``Loss.native_options`` gives."""
        native_options = dict(options)
        for name in ("class_weight", "pos_weight"):
            weight = native_options.pop(name, None)
            if weight is not None:
                native_options[name] = self._copy(name, weight).at(stream)
        return native_options

    def _copy(self, name: str, weight: Any) -> Array:
        known = self._copies.get(name)
        if known is None or known[0] is not weight or known[1].owner.device_id != native().current_device():
            known = self._copies[name] = (weight, array(weight))
        return known[1]


class Network:
    """The structure of a network, with the calls of ``_core.Mlp``. Shapes are checked here: the kernels see addresses."""

    def __init__(self, layout: Any) -> None:
        self.native = native().Mlp(layout.rows(), layout.size, layout.dtype.name)
        self._layout = layout
        self._loss_options = LossOptions()

    def forward(
        self, params: Any, x: Array, layer: int, out: Any, input_quant: Sequence[FakeQuant | None] | None = None
    ) -> None:
        """Activations after a layer, without dropout, into ``out``."""
        call = Call(x)
        values = self._parameters(call, params)
        shape = (x.shape[0], self._layout.layers[layer].out_features)
        result = call.give("out", out, self._layout.dtype, shape)
        want_apart("out", result, x)
        want_apart("out", result, values)
        self.native.forward(
            values.at(call.stream),
            x.at(call.stream),
            shape[0],
            layer,
            result.at(call.stream),
            stream=call.stream,
            input_quant=input_quant,
        )

    def forward_train(
        self,
        params: Any,
        x: Array,
        workspace: Workspace,
        dropout_seed: int = 0,
        step: int = 0,
        first_row: int = 0,
        input_quant: Sequence[FakeQuant | None] | None = None,
        *,
        without_dropout: bool = False,
    ) -> None:
        """Forward with dropout, keeping what backward needs."""
        call = Call(x)
        self.native.forward_train(
            self._parameters(call, params).at(call.stream),
            x.at(call.stream),
            x.shape[0],
            workspace.on(call.stream),
            stream=call.stream,
            dropout_seed=dropout_seed,
            step=step,
            first_row=first_row,
            input_quant=input_quant,
            without_dropout=without_dropout,
        )

    def activations(self, workspace: Workspace, layer: int, out: Array) -> None:
        """Copies a layer's activations of the last training pass, before dropout, into ``out``."""
        call = Call(out)
        self.native.activations(workspace.on(call.stream), layer, out.shape[0], out.at(call.stream), stream=call.stream)

    def backward(
        self,
        params: Any,
        workspace: Workspace,
        grad_output: Array,
        rows: int,
        grads: Array,
        grad_x: Any = None,
        frozen: Any = None,
        hidden_gradients: Mapping[int, Array] | None = None,
    ) -> None:
        """The gradients of the last training pass into ``grads``."""
        call = Call(grad_output)
        layers = self._layout.layers
        given = hidden_gradients or {}
        of_x = None
        if grad_x is not None:
            of_x = call.give("grad_x", grad_x, self._layout.dtype, (rows, layers[0].in_features))
        self.native.backward(
            self._parameters(call, params).at(call.stream),
            workspace.on(call.stream),
            grad_output.at(call.stream),
            rows,
            grads.at(call.stream),
            stream=call.stream,
            grad_x=0 if of_x is None else of_x.at(call.stream),
            frozen=_flags(frozen),
            hidden_gradients={layer: gradient.at(call.stream) for layer, gradient in given.items()} or None,
        )

    def loss_and_gradients(
        self,
        params: Any,
        x: Array,
        y: Array | None,
        *,
        workspace: Workspace,
        grads: Array,
        sample_weight: Array | None = None,
        teacher: Array | None = None,
        frozen: Any = None,
        dropout_seed: int = 0,
        step: int = 0,
        first_row: int = 0,
        without_dropout: bool = False,
        input_quant: Sequence[FakeQuant | None] | None = None,
        **loss: Any,
    ) -> float:
        """Forward, loss and backward; waits for the loss."""
        call = Call(x)
        stream = call.stream
        value = self.native.loss_and_gradients(
            self._parameters(call, params).at(stream),
            x.at(stream),
            0 if y is None else y.at(stream),
            x.shape[0],
            workspace=workspace.on(stream),
            grads=grads.at(stream),
            stream=stream,
            classes=y is not None and y.dtype == np.int64,
            sample_weight=0 if sample_weight is None else sample_weight.at(stream),
            teacher=0 if teacher is None else teacher.at(stream),
            frozen=_flags(frozen),
            dropout_seed=dropout_seed,
            step=step,
            first_row=first_row,
            input_quant=input_quant,
            without_dropout=without_dropout,
            **self._loss_options.on(stream, loss),
        )
        return float(value)

    def _parameters(self, call: Call, params: Any) -> Array:
        return call.take("params", params, (self._layout.dtype,), (self._layout.size,))


def _flags(frozen: Any) -> list[bool] | None:
    return None if frozen is None else [bool(flag) for flag in frozen]
