"""The moving average of a model's weights, where the optimizer keeps one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def averaged(model: Any, optimizer: Any) -> Iterator[None]:
    """Inside, the model has the moving average of its weights, if there is one."""
    if optimizer.ema is None:
        yield
        return
    with optimizer.swap_ema():
        _apply_masks(model)
        yield


def take_average(model: Any, optimizer: Any) -> None:
    """Give the model the moving average of its weights for good, if there is one."""
    average = optimizer.ema
    if average is None:
        return
    parameters = model.parameters()
    for name, values in average.items():
        parameters[name][...] = values
    _apply_masks(model)


def _apply_masks(model: Any) -> None:
    """A mask may be newer than the average, whose weights it removes."""
    parameters = model.parameters()
    for name, mask in model.masks.items():
        parameters[name][mask == 0] = 0.0
