"""Pruning of single weights by their absolute value."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast, overload

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._check import check_number

if TYPE_CHECKING:
    from ..nn import MLP

Mask = NDArray[np.uint8]


@overload
def threshold(target: NDArray[np.floating], t: float) -> Mask: ...
@overload
def threshold(target: MLP, t: float, *, layers: Iterable[int] | None = None) -> dict[str, Mask]: ...
def threshold(
    target: NDArray[np.floating] | MLP, t: float, *, layers: Iterable[int] | None = None
) -> Mask | dict[str, Mask]:
    """Set to zero, in place, what is smaller than ``t`` in absolute value.

    Parameters
    ----------
    target
        A float32 or float64 array of any shape (contiguous, aligned, writable), or a model, of which the weights are
        pruned and the biases left.
    t
        Elements with ``abs(x) < t`` go; an element equal to ``t`` stays, and so does a NaN. At least 0.
    layers
        For a model: the layers to prune, all by default.

    Returns
    -------
    ndarray of uint8, or dict of them
        The mask, 1 where an element stays. For a model the masks by parameter name; they are in ``model.masks`` too, joined
        with those of earlier prunings, so that training keeps the zeros.

    Raises
    ------
    ValueError, TypeError
        One line that names the argument; nothing has changed then.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> w = np.array([0.5, -0.004, 0.02, -2.0], np.float32)
    >>> sprat.prune.threshold(w, 0.01)
    array([1, 0, 1, 1], dtype=uint8)
    >>> w
    array([ 0.5 ,  0.  ,  0.02, -2.  ], dtype=float32)

    >>> model = sprat.nn.MLP([10, 16, 1], seed=0)
    >>> masks = sprat.prune.threshold(model, 0.1)
    >>> sorted(masks)
    ['layers.0.weight', 'layers.1.weight']
    """
    if layers is None:
        pruned: Mask | None = _core.prune_threshold_call(target, t)
        if pruned is not None:
            return pruned
    if not (isinstance(t, (int, float, np.integer, np.floating)) and t >= 0):
        raise ValueError(f"t: wanted a number of at least 0, got {t!r}")
    t = float(t)
    model = _as_model(target)
    if model is None:
        if layers is not None:
            raise TypeError("layers: only a model has layers, target is an array")
        array = cast("NDArray[np.floating]", target)
        mask = np.empty(np.shape(array), np.uint8)
        _core.prune_threshold(array, t, mask)
        return mask
    weights = _weights(model, layers)
    masks = {name: np.empty(w.shape, np.uint8) for name, w in weights.items()}
    for name, w in weights.items():
        _core.prune_threshold(w, t, masks[name])
    return _join(model, masks)


@overload
def magnitude(target: NDArray[np.floating], sparsity: float) -> Mask: ...
@overload
def magnitude(
    target: MLP, sparsity: float | Mapping[int, float], *, scope: str = "global", layers: Iterable[int] | None = None
) -> dict[str, Mask]: ...
def magnitude(
    target: NDArray[np.floating] | MLP,
    sparsity: float | Mapping[int, float],
    *,
    scope: str = "global",
    layers: Iterable[int] | None = None,
) -> Mask | dict[str, Mask]:
    """Set the given share of elements to zero, in place: those of smallest absolute value.

    The count is exact, ``round(sparsity * size)``; among equal magnitudes the first in memory go. The rank is found
    without sorting: a sample brackets it and one pass counts and gathers what lies in between; where the bracket misses, a
    radix selection over the bits of the magnitudes takes over.

    Parameters
    ----------
    target
        A float32 or float64 array of any shape (contiguous, aligned, writable), or a model, of which the weights are
        pruned and the biases left.
    sparsity
        Share of zeros afterwards, from 0 to 1; what was zero before counts. For a model also a dict
        ``{layer index: share}``, which prunes each of these layers for itself.
    scope
        For a model: ``"global"`` ranks the weights of all layers together, as magnitude pruning usually does best (Han et
        al. 2015; Frankle & Carbin 2019); ``"layer"`` gives each layer the same sparsity.
    layers
        For a model: the layers to prune, all by default.

    Returns
    -------
    ndarray of uint8, or dict of them
        The mask, 1 where an element stays; for a model as :func:`threshold` does.

    Raises
    ------
    ValueError, TypeError
        One line that names the argument; nothing has changed then.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> w = np.array([[3.0, -1.0], [0.5, 2.0]])
    >>> sprat.prune.magnitude(w, 0.5)
    array([[1, 0],
           [0, 1]], dtype=uint8)

    >>> model = sprat.nn.MLP([64, 32, 10], seed=0)
    >>> masks = sprat.prune.magnitude(model, 0.9)
    >>> round(sprat.prune.report(model).sparsity, 2)
    0.9
    """
    if layers is None:
        pruned: Mask | None = _core.prune_magnitude_call(target, sparsity)
        if pruned is not None:
            return pruned
    model = _as_model(target)
    if model is None:
        if layers is not None or isinstance(sparsity, Mapping):
            raise TypeError("layers: only a model has layers, target is an array")
        array = cast("NDArray[np.floating]", target)
        mask = np.empty(np.shape(array), np.uint8)
        _prune_smallest([array], [mask], check_number("sparsity", sparsity, 0, 1))
        return mask
    if scope not in ("global", "layer"):
        raise ValueError(f"scope: wanted 'global' or 'layer', got {scope!r}")
    if isinstance(sparsity, Mapping):
        if layers is not None:
            raise TypeError("layers: sparsity names the layers already")
        groups = [
            (_weights(model, [layer]), check_number(f"sparsity[{layer}]", share, 0, 1))
            for layer, share in sparsity.items()
        ]
    else:
        share, weights = check_number("sparsity", sparsity, 0, 1), _weights(model, layers)
        groups = [(weights, share)] if scope == "global" else [({name: w}, share) for name, w in weights.items()]
    for name, w in ((name, w) for weights, _ in groups for name, w in weights.items()):
        if np.isnan(w).any():
            raise ValueError(f"target: {name} holds NaN, which has no rank")
    masks: dict[str, Mask] = {}
    for weights, share in groups:
        mine = {name: np.empty(w.shape, np.uint8) for name, w in weights.items()}
        _prune_smallest(list(weights.values()), list(mine.values()), share)
        masks |= mine
    return _join(model, masks)


def _prune_smallest(arrays: list[NDArray[np.floating]], masks: list[Mask], share: float) -> None:
    _core.prune_smallest(arrays, _core.prune_count(share, sum(np.size(a) for a in arrays)), masks)


def _as_model(target: object) -> MLP | None:
    """The target, if it is a model."""
    return cast("MLP", target) if hasattr(target, "parameters") and hasattr(target, "masks") else None


def _weights(model: MLP, layers: Iterable[int] | None) -> dict[str, NDArray[np.floating]]:
    """The weights of the chosen layers under their names; negative indices count from the last layer."""
    parameters, count = model.parameters(), len(model.layers)
    chosen = list(range(count)) if layers is None else chosen_layers(layers)
    for layer in chosen:
        if not -count <= layer < count:
            raise ValueError(f"layers: the model has layers 0 to {count - 1}, got {layer}")
    return {f"layers.{layer % count}.weight": parameters[f"layers.{layer % count}.weight"] for layer in chosen}


def chosen_layers(layers: Iterable[int]) -> list[int]:
    """``layers`` as a list of whole numbers."""
    try:
        return [operator.index(layer) for layer in layers]
    except TypeError:
        raise TypeError(f"layers: wanted a list of layer indices, got {layers!r}") from None


def _join(model: MLP, masks: dict[str, Mask]) -> dict[str, Mask]:
    """Gives the model the new masks, joined with those it has: what was pruned before stays pruned."""
    for name, mask in masks.items():
        if name in model.masks:
            mask &= model.masks[name]
            model.parameters()[name][mask == 0] = 0
        model.set_mask(name, mask)
    return masks
