"""Gradients between the model that gives them and the optimizer that takes them: order, size, and what is not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _device
from ..errors import SpratError
from .history import History
from .rows import Array

# Gradients whose squares sum to less than this cannot drive a finite parameter or an optimizer's state to infinity in
# one step; anything beyond is stepped with a copy to go back to.
SAFE_ENERGY = 1e24


class NonFiniteError(SpratError, FloatingPointError):
    """Training would have taken a step to NaN or infinity; it did not. ``history`` has the epochs before.

    Examples
    --------
    >>> import sprat
    >>> try:
    ...     sprat.fit(sprat.nn.MLP([1, 1]), [[float("nan")]], [0.5], epochs=1)
    ... except sprat.training.NonFiniteError as error:
    ...     error.history.stopped_by
    'nonfinite'
    """

    history: History


def gradient_arrays(gradients: Any) -> list[Array]:
    """The gradient's arrays, from a flat array, a list, or a mapping by name."""
    if isinstance(gradients, np.ndarray) or _device.is_device_array(gradients):
        return [gradients]
    return list(gradients.values() if isinstance(gradients, Mapping) else gradients)


def gradient_order(model: Any, optimizer: Any) -> list[str] | None:
    """The names of the parameters in the order of an optimizer's arrays; None when it takes the flat gradient.

    ValueError when the optimizer updates something else than the model's trainable parameters.
    """
    if getattr(optimizer, "_model", None) is model:
        return None
    places = {_device.address(array): name for name, array in model.parameters().items() if name not in model.frozen}
    arrays = [array for group in optimizer.param_groups for array in group["params"]]
    names = [places.get(_device.address(array), "") for array in arrays]
    if "" in names:
        raise ValueError(
            "optimizer: updates other arrays than the model's trainable parameters; make it with the model"
        )
    return names


def energy_of(gradient: Array) -> float:
    """Sum of squares; NaN and infinity show in it. One pass, no temporary, no BLAS thread."""
    if _device.is_device_array(gradient):
        return float(_device.kernels("gradient").sum_of_squares(gradient))
    flat = gradient.reshape(-1)
    return float(np.einsum("i,i->", flat, flat))
