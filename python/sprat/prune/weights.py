"""Pruning of single weights by any score and in any pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import _device
from . import patterns
from .patterns import Mask
from .scores import Array, Criterion, weight_scores
from .selection import check_rank, join, weight_groups

if TYPE_CHECKING:
    from ..nn import MLP


def weights(
    model: MLP,
    sparsity: float | Mapping[int, float] | None = None,
    *,
    criterion: str | Criterion | Mapping[str, Array] = "magnitude",
    data: Any = None,
    loss: Any = None,
    pattern: str | patterns.Pattern = "unstructured",
    scope: str = "global",
    layers: Iterable[int] | None = None,
) -> dict[str, Mask]:
    """Set the given share of a model's weights to zero, in place: those that matter least.

    Parameters
    ----------
    model : nn.MLP
        Its weights are pruned, its biases left.
    sparsity : float, optional
        Share of zeros afterwards, 0 to 1; what was zero before counts. A dict ``{layer index: share}`` prunes each of
        these layers for itself. None: what a pattern such as ``"2:4"`` leaves out.
    criterion : str, function or dict
        ``"magnitude"``; ``"taylor"``: what the loss would lose, by the gradients of ``data``; a function of the model
        that gives scores, or the scores themselves: arrays like the weights by name, ``"layers.0.weight"``, the higher
        the longer it stays. See :mod:`sprat.prune.scores`.
    data : (x, y) or (x, y, sample_weight), or table, optional
        What ``"taylor"`` looks at, read as :func:`sprat.fit` does; some thousand rows do.
    loss : optional
        As for :func:`sprat.fit`; by default the one the model was trained with.
    pattern : str
        ``"unstructured"``, n of every m inputs such as ``"2:4"`` or ``"n:32"``, ``"panels"``, ``"blocks"``, or such as
        ``"16x4"``: see :mod:`sprat.prune.patterns`.
    scope : "global" or "layer"
        Rank the weights of all layers together, or each layer for itself. In patterns of n of m inputs all groups are
        alike.
    layers : list of int, optional
        The layers to prune, all by default.

    Returns
    -------
    dict of ndarray of uint8
        The masks by parameter name, 1 where a weight stays; they are in ``model.masks`` too, joined with those of
        earlier prunings, so that training keeps the zeros.

    Raises
    ------
    ValueError, TypeError
        One line that names the argument; nothing has changed then.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([64, 32, 10], seed=0)
    >>> masks = sprat.prune.weights(model, pattern="2:4")
    >>> masks["layers.0.weight"][0, :8].reshape(2, 4).sum(axis=1)
    array([2, 2], dtype=uint64)
    >>> x, y = np.random.default_rng(0).normal(size=(100, 64)), np.arange(100) % 10
    >>> masks = sprat.prune.weights(model, 0.9, criterion="taylor", data=(x, y))
    >>> round(sprat.prune.report(model).sparsity, 2)
    0.9
    """
    _device.refuse("prune.weights", model)
    rule = patterns.get(pattern)
    groups = weight_groups(model, rule, sparsity, scope, layers)
    names = [name for group, _ in groups for name in group]
    for name in names:
        check_rank(name, model.parameters()[name])
    scores = weight_scores(model, names, criterion, data, loss)
    masks: dict[str, Mask] = {}
    for group, share in groups:
        masks |= rule.keep({name: scores[name] for name in group}, share)
    return join(model, masks)
