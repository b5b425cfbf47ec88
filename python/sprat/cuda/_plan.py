"""The arrays of an optimizer on the device, checked once: what ``_core.OptimizerPlan`` is for arrays of the host."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _streams
from ._array import Array, as_view, asarray
from ._native import module as native

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass(slots=True)
class _Tensor:
    """A parameter, and what belongs to it."""

    label: str
    key: str | None
    group: int
    param: Array
    states: list[Array]
    mask: Array | None
    ema: Array | None
    step: int
    mu_product: float
    offset: int
    frozen: bool
    given: Any = None  # what the gradient was borrowed from
    grad: Array | None = None


class OptimizerPlan:
    """Made by :class:`sprat.optim.Optimizer`, with the face of the plan for arrays of the host."""

    def __init__(
        self, optimizers: Sequence[str], tensors: Sequence[tuple[Any, ...]], flat_size: int, step_count: int
    ) -> None:
        self._optimizers, self._flat_size = list(optimizers), flat_size
        self._tensors = [_tensor(row) for row in tensors]
        self._written = _written(self._tensors)
        for tensor in self._tensors:
            if tensor.mask is not None:
                self._want_apart(f"masks{tensor.label}", tensor.mask)
        self._hyperparameters: list[dict[str, Any]] = [{} for _ in self._optimizers]
        self._options: tuple[float, float, float, bool] = (0.0, 0.0, 0.0, False)
        self._given: Any = None  # the flat gradient, or None
        self._bound = self._swapped = False
        self._native: Any = None  # made when a step needs it, until gradients come for other parameters
        self._active: list[list[_Tensor]] = []  # by native group
        self.outdated = False
        self.step_count, self.grad_norm = step_count, math.nan

    # ---- what the steps are made with

    def set_group(self, group: int, hyperparameters: dict[str, Any]) -> None:
        """Set hyper-parameters of a parameter group."""
        self._hyperparameters[group] = self._hyperparameters[group] | hyperparameters
        for index, tensors in enumerate(self._active):
            if tensors[0].group == group:
                self._native.set_params(index, hyperparameters)

    def set_lr(self, group: int, lr: float) -> None:
        """Set the learning rate of a parameter group."""
        self.set_group(group, {"lr": lr})

    def set_options(self, clip_norm: float, clip_value: float, ema_decay: float, require_finite: bool) -> None:
        """Set what happens around the update; 0 is off."""
        self._options = clip_norm, clip_value, ema_decay, require_finite
        self._discard()

    def bind(self, grads: Any) -> None:
        """Take the gradients of the steps to come."""
        if isinstance(grads, (list, tuple, Mapping)):
            self._bind_each(grads)
        else:
            self._bind_flat(grads)
        self._bound = True

    def _bind_flat(self, grads: Any) -> None:
        if grads is self._given:
            return
        if self._flat_size < 0:
            raise TypeError("grads: a flat array needs parameters of one dtype")
        flat = as_view("grads", grads)
        _want("grads", flat, self._tensors[0].param.dtype, (self._flat_size,))
        self._want_apart("grads", flat)
        for tensor in self._tensors:
            end = tensor.offset + tensor.param.size
            tensor.grad = None if tensor.frozen else flat[tensor.offset : end]
            tensor.given = None
        self._given = grads
        self._activate()

    def _bind_each(self, grads: Any) -> None:
        fresh: list[tuple[Any, Array | None]] = []
        for tensor, given in zip(self._tensors, self._in_order(grads), strict=True):
            if given is None or tensor.frozen:
                fresh.append((None, None))
            elif given is tensor.given:
                fresh.append((given, tensor.grad))
            else:
                name = f"grads{tensor.label}"
                found = as_view(name, given)
                _want(name, found, tensor.param.dtype, tensor.param.shape)
                self._want_apart(name, found)
                fresh.append((given, found))
        for tensor, (given, grad) in zip(self._tensors, fresh, strict=True):
            tensor.given, tensor.grad = given, grad
        self._given = None
        self._activate()

    def _in_order(self, grads: Any) -> list[Any]:
        if not isinstance(grads, Mapping):
            if len(grads) != len(self._tensors):
                raise ValueError(f"grads: wanted {len(self._tensors)} arrays, one for each parameter, got {len(grads)}")
            return list(grads)
        if any(tensor.key is None for tensor in self._tensors):
            raise TypeError("grads: wanted a list of arrays, as params has no names; got a dict")
        for tensor in self._tensors:
            if not tensor.frozen and tensor.key not in grads:
                raise ValueError(f"grads{tensor.label}: missing")
        return [None if tensor.frozen else grads[tensor.key] for tensor in self._tensors]

    def _want_apart(self, name: str, array: Array) -> None:
        begin, end = array.pointer, array.pointer + array.nbytes
        for first, last, other in self._written:
            if first < end and begin < last:
                raise ValueError(f"{name}: overlaps {other}")

    # ---- the step

    def step(self, grads: Any) -> bool | None:
        """One update in place with these gradients or, for None, those of before. Nothing is changed and False comes
        back if a gradient is not finite and that was forbidden, None if the plan is outdated."""
        if self.outdated:
            return None
        if grads is not None:
            self.bind(grads)
        if self._swapped:
            raise RuntimeError("step: the parameters hold their moving averages (swap_ema)")
        if not self._bound:
            raise ValueError("grads: none were given to step, nor bound before")
        self._build()
        tensors = [tensor for group in self._active for tensor in group]
        stream = _streams.stream_of(*(array for tensor in tensors[:1] for array in (tensor.grad, tensor.param)))
        _streams.wait_for_producer(stream, self._given)
        for tensor in tensors[:1]:  # parameters are one library's
            _streams.wait_for_producer(stream, tensor.param.owner.producer)
        clip_norm = self._options[0] > 0
        grad_addresses = []
        for tensor in tensors:
            assert tensor.grad is not None
            _streams.wait_for_producer(stream, tensor.given)
            grad_addresses.append(tensor.grad.at(stream))
            for array in (tensor.param, *tensor.states, tensor.mask, tensor.ema):
                if array is not None:
                    array.enter(stream)
        if not self._native.step(grad_addresses, stream=stream, want_norm=clip_norm):
            return False
        self.step_count += 1
        self.grad_norm = self._native.grad_norm if clip_norm else math.nan
        return True

    def _activate(self) -> None:
        """Other parameters may have gradients now."""
        active = [tensor for tensor in self._tensors if tensor.grad is not None]
        if self._native is not None and active != [tensor for group in self._active for tensor in group]:
            self._discard()

    def _build(self) -> None:
        """Neighbours with the same group, dtype and history make one native group: the norm keeps their order."""
        if self._native is not None:
            return
        active: list[list[_Tensor]] = []
        for tensor in self._tensors:
            if tensor.grad is None:
                continue
            if active and _belong(active[-1][-1], tensor):
                active[-1].append(tensor)
            else:
                active.append([tensor])
        plan = native().OptimizerPlan(
            [
                (self._optimizers[group[0].group], group[0].param.dtype.name, [_row(tensor) for tensor in group])
                for group in active
            ]
        )
        clip_norm, clip_value, ema_decay, require_finite = self._options
        plan.set_options(clip_norm, clip_value, ema_decay, require_finite)
        for index, group in enumerate(active):
            history = {"step": group[0].step + 1, "mu_product": group[0].mu_product}
            plan.set_params(index, self._hyperparameters[group[0].group] | history)
        self._native, self._active = plan, active

    def _write_progress(self) -> None:
        for index, group in enumerate(self._active):
            params = self._native.params(index)
            for tensor in group:
                tensor.step, tensor.mu_product = params["step"] - 1, params["mu_product"]

    def _discard(self) -> None:
        self._write_progress()
        self._native, self._active = None, []

    # ---- around it

    def swap_ema(self) -> None:
        """Exchange parameters and moving averages; steps wait until the next call."""
        for tensor in self._tensors:
            if tensor.ema is not None:
                before = tensor.param.copy()
                tensor.param[...] = tensor.ema
                tensor.ema[...] = before
        self._swapped = not self._swapped

    def nonfinite(self) -> list[tuple[str, int]]:
        """Gradients that are not finite: label and number of elements."""
        found = []
        for tensor in self._tensors:
            if tensor.grad is not None:
                grad, mask = tensor.grad, tensor.mask
                stream = grad.enter(_streams.stream_of(grad))
                at = 0 if mask is None else mask.at(stream)
                count = native().count_nonfinite(grad.dtype.name, grad.pointer, at, grad.size, stream)
                if count:
                    found.append((tensor.label, count))
        return found

    def progress(self) -> list[tuple[int, float]]:
        """(step, mu_product) of each parameter."""
        self._write_progress()
        return [(tensor.step, tensor.mu_product) for tensor in self._tensors]


def _tensor(row: tuple[Any, ...]) -> _Tensor:
    label, key, group, param, states, mask, ema, step, mu_product, offset, frozen = row
    name = f"params{label}"
    param = as_view(name, param)
    if param.dtype not in _FLOATS:
        raise TypeError(f"{name}: wanted float32 or float64, got {param.dtype}")
    param.want_writeable(name)
    if mask is not None:
        mask = asarray(mask)
        if mask.dtype not in (np.uint8, np.bool_):
            raise TypeError(f"masks{label}: wanted uint8 or bool, got {mask.dtype}")
        _want(f"masks{label}", mask, mask.dtype, param.shape)
    return _Tensor(label, key, group, param, states, mask, ema, step, mu_product, offset, frozen)


def _want(name: str, array: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != dtype:
        raise TypeError(f"{name}: wanted {dtype}, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name}: wanted shape {shape}, got {array.shape}")


def _belong(before: _Tensor, tensor: _Tensor) -> bool:
    def kind(t: _Tensor) -> tuple[Any, ...]:
        return t.group, t.param.dtype, t.step, t.mu_product

    return kind(before) == kind(tensor)


def _row(tensor: _Tensor) -> tuple[Any, ...]:
    mask, ema = (0 if array is None else array.pointer for array in (tensor.mask, tensor.ema))
    return tensor.param.size, tensor.param.pointer, [state.pointer for state in tensor.states], mask, ema


def _written(tensors: list[_Tensor]) -> list[tuple[int, int, str]]:
    """(begin, end, name) of what steps write, by address; ValueError where two overlap."""
    spans = []
    for tensor in tensors:
        arrays = [("params", tensor.param), *(("states", state) for state in tensor.states), ("ema", tensor.ema)]
        for kind, array in arrays:
            if array is not None and array.size:
                spans.append((array.pointer, array.pointer + array.nbytes, f"{kind}{tensor.label}"))
    spans.sort()
    for before, span in itertools.pairwise(spans):
        if span[0] < before[1]:
            raise ValueError(f"{span[2]}: overlaps {before[2]}")
    return spans
