"""Pruning of single weights by their absolute value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast, overload

import numpy as np
from numpy.typing import NDArray

from .. import _core, _device
from .._check import check_number
from . import patterns
from .patterns import Mask
from .selection import as_model, check_rank, join, layer_weights, weight_groups
from .weights import weights as prune_weights

if TYPE_CHECKING:
    from ..nn import MLP


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
        The mask, 1 where an element stays. For a model the masks by parameter name; they are in ``model.masks`` too,
        joined with those of earlier prunings, so that training keeps the zeros.

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
    model = as_model(target)
    if model is None:
        if layers is not None:
            raise TypeError("layers: only a model has layers, target is an array")
        if _device.is_device_array(target):
            return cast("Mask", _device.kernels("target").prune_threshold(target, t))
        array = cast("NDArray[np.floating]", target)
        mask = np.empty(np.shape(array), np.uint8)
        _core.prune_threshold(array, t, mask)
        return mask
    weights = layer_weights(model, layers)
    if model.device != "cpu":
        return join(
            model,
            {name: _device.to_host(_device.kernels("target").prune_threshold(w, t)) for name, w in weights.items()},
        )
    masks = {name: np.empty(w.shape, np.uint8) for name, w in weights.items()}
    for name, w in weights.items():
        _core.prune_threshold(w, t, masks[name])
    return join(model, masks)


@overload
def magnitude(
    target: NDArray[np.floating], sparsity: float | None = None, *, pattern: str | patterns.Pattern = "unstructured"
) -> Mask: ...
@overload
def magnitude(
    target: MLP,
    sparsity: float | Mapping[int, float] | None = None,
    *,
    pattern: str | patterns.Pattern = "unstructured",
    scope: str = "global",
    layers: Iterable[int] | None = None,
) -> dict[str, Mask]: ...
def magnitude(
    target: NDArray[np.floating] | MLP,
    sparsity: float | Mapping[int, float] | None = None,
    *,
    pattern: str | patterns.Pattern = "unstructured",
    scope: str = "global",
    layers: Iterable[int] | None = None,
) -> Mask | dict[str, Mask]:
    """Set the given share of elements to zero, in place: those of smallest absolute value.

    The count is exact, ``round(sparsity * size)``; among equal magnitudes the first in memory go. The rank is found
    without sorting: a sample brackets it and one pass counts and gathers what lies in between; where the bracket
    misses, a radix selection over the bits of the magnitudes takes over.

    Parameters
    ----------
    target
        A float32 or float64 array of any shape (contiguous, aligned, writable), or a model, of which the weights are
        pruned and the biases left.
    sparsity
        Share of zeros afterwards, from 0 to 1; what was zero before counts. For a model also a dict
        ``{layer index: share}``, which prunes each of these layers for itself. None: what a pattern such as ``"2:4"``
        leaves out.
    pattern
        What may go together: ``"unstructured"`` (any weights), n of every m inputs such as ``"2:4"``, ``"3:32"`` or
        ``"n:32"``, ``"panels"``, ``"blocks"`` (16 outputs x 1 input) or such as ``"16x4"``: see
        :mod:`sprat.prune.patterns`. An array is
        then a weight (out_features, in_features). The count is exact
        but for panels and blocks, which come as near as they can.
    scope
        For a model: ``"global"`` ranks the weights of all layers together, as magnitude pruning usually does best (Han
        et al. 2015; Frankle & Carbin 2019); ``"layer"`` gives each layer the same sparsity.
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

    >>> sprat.prune.magnitude(np.array([[3.0, -1.0, 0.5, 2.0]]), pattern="1:2")
    array([[1, 0, 0, 1]], dtype=uint8)
    """
    if layers is None and pattern == "unstructured":
        pruned: Mask | None = _core.prune_magnitude_call(target, sparsity)
        if pruned is not None:
            return pruned
    model, rule = as_model(target), patterns.get(pattern)
    if model is None:
        if layers is not None or isinstance(sparsity, Mapping):
            raise TypeError("layers: only a model has layers, target is an array")
        array = cast("NDArray[np.floating]", target)
        if _device.is_device_array(target) and isinstance(rule, patterns.Unstructured):
            share = check_number("sparsity", sparsity, 0, 1)
            return cast("Mask", _device.kernels("target").prune_smallest([target], share)[0])
        _device.refuse(f"prune.magnitude with pattern={pattern!r}", target)
        if not isinstance(rule, patterns.Unstructured):
            return _prune_matrix(array, rule, rule.limit(sparsity))
        mask = np.empty(np.shape(array), np.uint8)
        _prune_smallest([array], [mask], check_number("sparsity", sparsity, 0, 1))
        return mask
    if not isinstance(rule, patterns.Unstructured):
        return prune_weights(model, sparsity, pattern=rule, scope=scope, layers=layers)
    groups = weight_groups(model, rule, sparsity, scope, layers)
    for name, w in ((name, w) for weights, _ in groups for name, w in weights.items()):
        check_rank(name, w)
    masks: dict[str, Mask] = {}
    for weights, share in groups:
        if model.device != "cpu":
            found = _device.kernels("target").prune_smallest(list(weights.values()), share)
            masks |= dict(zip(weights, map(_device.to_host, found), strict=True))
            continue
        mine = {name: np.empty(w.shape, np.uint8) for name, w in weights.items()}
        _prune_smallest(list(weights.values()), list(mine.values()), share)
        masks |= mine
    return join(model, masks)


def _prune_smallest(arrays: list[NDArray[np.floating]], masks: list[Mask], share: float) -> None:
    _core.prune_smallest(arrays, _core.prune_count(share, sum(np.size(a) for a in arrays)), masks)


def _prune_matrix(array: NDArray[np.floating], rule: patterns.Pattern, share: float) -> Mask:
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.ndim != 2 or not array.flags.writeable:
        raise TypeError("target: wanted a writable float array (out_features, in_features) for this pattern")
    check_rank("it", array)
    mask = rule.keep({"": np.abs(array)}, share)[""]
    array[mask == 0] = 0
    return mask
