"""Sample weights and class weights, checked and turned into what the loss takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _check
from .rows import Array
from .targets import Targets


def check_weights(weight: Any, rows: int, dtype: Any, what: str = "sample_weight") -> Array | None:
    """Sample weights as (rows,) of ``dtype``; one line when they are not finite numbers >= 0 with a sum above 0.

    >>> check_weights([1, 2], 2, "float32")
    array([1., 2.], dtype=float32)
    """
    if weight is None:
        return None
    _check.refuse_masked(what, weight)
    array = np.asarray(weight)
    if array.dtype.kind not in "iubf":
        raise TypeError(f"{what}: wanted numbers, got {array.dtype}")
    if array.shape == (rows, 1):
        array = array[:, 0]
    if array.shape != (rows,):
        raise ValueError(f"{what}: wanted shape ({rows},), got {array.shape}")
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    if not np.isfinite(array).all() or (rows and array.min() < 0):
        raise ValueError(f"{what}: wanted finite numbers >= 0")
    if rows and not array.any():
        raise ValueError(f"{what}: all weights are zero")
    return array


def apply_class_weight(
    targets: Targets, class_weight: Any, ids: Any, weight: Array | None
) -> tuple[Targets, Array | None]:
    """Put class weights to work: inside cross_entropy, or multiplied into the sample weights.

    Parameters
    ----------
    targets : Targets
    class_weight : dict of class (id or name) -> weight, (classes,) array, "balanced" or None
        "balanced" is rows / (classes * rows of the class), as in scikit-learn.
    ids : (rows,) integer array, or None when the data are an iterator
    weight : (rows,) sample weights, optional

    Returns
    -------
    (Targets, (rows,) weights or None)
    """
    if class_weight is None:
        return targets, weight
    if not targets.classification:
        raise ValueError(f"class_weight: needs a loss of classes, this run has {targets.loss_name!r}")
    classes = max(targets.columns or 2, 2)
    per_class = _per_class(class_weight, classes, targets, ids)
    if targets.loss_name == "cross_entropy":
        if getattr(targets.loss, "class_weight", None) is not None:
            raise ValueError("class_weight: the loss has its own already")
        from .. import nn

        smoothing = getattr(targets.loss, "label_smoothing", 0.0)
        return replace(
            targets, loss=nn.losses.CrossEntropy(label_smoothing=smoothing, class_weight=tuple(per_class.tolist()))
        ), weight
    if ids is None or ids.ndim != 1 or classes != 2:
        raise ValueError(
            "class_weight: with this loss wanted arrays of (rows,) classes; use sample_weight or pos_weight"
        )
    shares = per_class[ids].astype(targets.dtype)
    return targets, shares if weight is None else shares * weight


def _per_class(class_weight: Any, classes: int, targets: Targets, ids: Any) -> Array:
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'class_weight: wanted "balanced", a dict or an array, got {class_weight!r}')
        if ids is None or ids.ndim != 1:
            raise ValueError('class_weight: "balanced" needs an array of classes, not batches or shares')
        counts = np.bincount(ids, minlength=classes)
        if not counts.all():
            raise ValueError(
                f'class_weight: "balanced" needs every class in y; class {int(counts.argmin())} is missing'
            )
        return len(ids) / (classes * counts)
    if isinstance(class_weight, Mapping):
        result = np.ones(classes)
        names = {name: position for position, name in enumerate(targets.class_names or ())}
        for key, value in class_weight.items():
            position = names.get(key, key)
            if not isinstance(position, (int, np.integer)) or not 0 <= position < classes:
                raise ValueError(f"class_weight: there is no class {key!r}")
            result[position] = value
    else:
        result = np.asarray(class_weight, dtype=np.float64)
    if result.shape != (classes,):
        raise ValueError(f"class_weight: wanted {classes} weights, got shape {result.shape}")
    if not np.isfinite(result).all() or result.min() < 0:
        raise ValueError("class_weight: wanted finite numbers >= 0")
    return result
