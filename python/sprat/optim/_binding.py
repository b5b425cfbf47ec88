"""From parameters to the native plan that borrows their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _device
from ._groups import Array, Parameter, label, per_parameter


def edits(model: Any) -> tuple[Any, ...]:
    """What changes when layers, masks or frozen parameters of a model do."""
    return model._structure_version, model.frozen, _ids(model.masks)


def edited(model: Any, seen: Any) -> bool:
    """Whether `edits` are others than those seen before. Every step asks: without masks it makes no object."""
    version, frozen, masks = seen
    if model._structure_version != version or model.frozen is not frozen:
        return True
    now = model.masks
    return _ids(now) != masks if now or masks else False


def _ids(masks: Any) -> tuple[tuple[str, int], ...]:
    return tuple((name, id(mask)) for name, mask in masks.items())


def set_masks(parameters: list[Parameter], masks: Any) -> None:
    """Give each parameter its entry of `masks`."""
    for parameter, mask in zip(parameters, per_parameter("masks", masks, parameters), strict=True):
        parameter.mask = mask


def follow_model(parameters: list[Parameter], model: Any, *, masks: bool) -> None:
    """Give each parameter what the model says of it: frozen or not, and its mask unless the user gave masks."""
    for parameter in parameters:
        parameter.frozen = parameter.name in model.frozen
        if masks:
            parameter.mask = model.masks.get(parameter.name)


def check_arrays(parameters: list[Parameter]) -> None:
    """What must hold before states can be made for a parameter; the plan looks at the rest. Of arrays on the device that
    are another library's, views are taken."""
    for index, parameter in enumerate(parameters):
        array, name = parameter.array, f"params{label(parameter, index)}"
        if not _device.is_host_array(array):
            if not _device.is_device_array(array):
                raise TypeError(f"{name}: wanted a NumPy array in CPU memory, got {type(array).__name__}")
            array = parameter.array = _device.kernels(name).as_view(name, array)
        if _device.is_host_array(array) != _device.is_host_array(parameters[0].array):
            raise TypeError(f"{name}: wanted all parameters in one memory, got some on the host and some on the device")
        if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
            raise TypeError(f"{name}: wanted float32 or float64, got {array.dtype}")


EMA_PLACE = 4  # behind the most states that there are
_LINE, _PAGE = 64, 4096
_APART = 12 * _LINE  # in a page, from the parameter and from each other
_SMALLEST = 4 * _PAGE  # bytes of an array for which the place in the page is worth a page


def placed(like: Array, place: int, value: float | Array) -> Array:
    """A new array of the shape and dtype of `like`, a parameter, filled with `value`: its state number `place`.

    It begins on a cache line, and well apart from the others of this parameter in the 4096 bytes of a page. A CPU takes a
    load for the store before it when the two addresses agree in their last 12 bits, and waits for it in vain: a step over
    arrays that lie one behind the other and have 2^n elements takes 1.4 to 1.7 times as long.
    """
    if not _device.is_host_array(like):
        there: Array = _device.filled_like(like, value)
        return there
    value = _device.to_host(value)
    apart = place * _APART if like.nbytes >= _SMALLEST else 0
    modulus = _PAGE if apart else _LINE
    memory = np.empty(like.nbytes + modulus, np.uint8)
    wanted = -(-like.ctypes.data // _LINE) * _LINE + apart
    start = (wanted - memory.ctypes.data) % modulus
    array: Array = memory[start : start + like.nbytes].view(like.dtype).reshape(like.shape)
    array[...] = value
    return array


def flat_layout(parameters: list[Parameter], model: Any) -> tuple[list[int], int]:
    """Where each parameter lies in a flat gradient, and how long that is; -1 if there can be none."""
    arrays = [parameter.array for parameter in parameters]
    if len({array.dtype for array in arrays}) > 1:
        return [0] * len(arrays), -1
    if model is not None:
        flat = model.params
        return [(_device.address(a) - _device.address(flat)) // a.itemsize for a in arrays], flat.size
    ends = np.cumsum([array.size for array in arrays]).tolist()
    return [0, *ends[:-1]], ends[-1]


def make_plan(kernels: list[str], parameters: list[Parameter], model: Any, step_count: int) -> _core.OptimizerPlan:
    """The native plan. Raises TypeError or ValueError, with one line, if an array cannot be used."""
    offsets, flat_size = flat_layout(parameters, model)
    rows: list[tuple[object, ...]] = [
        (
            label(parameter, index),
            parameter.name,
            parameter.group,
            parameter.array,
            list(parameter.states.values()),
            parameter.mask,
            parameter.ema,
            parameter.step,
            parameter.mu_product,
            offset,
            parameter.frozen,
        )
        for index, (parameter, offset) in enumerate(zip(parameters, offsets, strict=True))
    ]
    on_host = _device.is_host_array(parameters[0].array)
    plan = _core.OptimizerPlan if on_host else _device.kernels("params").OptimizerPlan
    made: _core.OptimizerPlan = plan(kernels, rows, flat_size, step_count)
    return made
