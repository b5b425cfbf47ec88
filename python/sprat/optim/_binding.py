"""From parameters to the native plan that borrows their arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core
from ._groups import Parameter, label, per_parameter


def set_masks(parameters: list[Parameter], masks: Any, model: Any) -> None:
    """Give each parameter its entry of `masks`, or else the model's mask."""
    if masks is None and model is not None:
        masks = {parameter.name: model.masks.get(parameter.name) for parameter in parameters}
    if isinstance(masks, list | tuple) and len(masks) < len(parameters) and parameters[0].mask is not None:
        masks = [*masks, *[None] * (len(parameters) - len(masks))]  # a group was added later
    for parameter, mask in zip(parameters, per_parameter("masks", masks, parameters), strict=True):
        parameter.mask = mask


def flat_layout(parameters: list[Parameter], model: Any) -> tuple[list[int], int]:
    """Where each parameter lies in a flat gradient, and how long that is; -1 if there can be none."""
    arrays = [np.asarray(parameter.array) for parameter in parameters]
    if len({array.dtype for array in arrays}) > 1:
        return [0] * len(arrays), -1
    if model is not None:
        flat = model.params
        return [(a.ctypes.data - flat.ctypes.data) // a.itemsize for a in arrays], flat.size
    ends = np.cumsum([array.size for array in arrays]).tolist()
    return [0, *ends[:-1]], ends[-1]


def make_plan(
    kernels: list[str],
    parameters: list[Parameter],
    model: Any,
    step_count: int,
    options: Mapping[str, Any],
) -> _core.OptimizerPlan:
    """The native plan. Raises TypeError or ValueError, with one line, if an array cannot be used."""
    offsets, flat_size = flat_layout(parameters, model)
    rows = [
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
        )
        for index, (parameter, offset) in enumerate(zip(parameters, offsets, strict=True))
    ]
    plan = _core.OptimizerPlan(kernels, rows, flat_size, step_count)
    plan.set_options(
        options["clip_norm"] or 0.0,
        options["clip_value"] or 0.0,
        options["ema_decay"] or 0.0,
        options["nonfinite"] != "propagate",
    )
    return plan
