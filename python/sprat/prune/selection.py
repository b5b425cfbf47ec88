"""Which weights of a model a call means, and how masks come to stay."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from .._check import check_number
from .._device import to_host
from .patterns import Mask, Pattern

if TYPE_CHECKING:
    from ..nn import MLP

SCOPES = ("global", "layer")


def as_model(target: object) -> MLP | None:
    """The target, if it is a model."""
    return cast("MLP", target) if hasattr(target, "parameters") and hasattr(target, "masks") else None


def layer_weights(model: MLP, layers: Iterable[int] | None) -> dict[str, NDArray[np.floating]]:
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


def check_rank(name: str, weight: NDArray[np.floating]) -> None:
    """ValueError when a weight holds NaN."""
    if np.isnan(to_host(weight)).any():
        raise ValueError(f"target: {name} holds NaN, which has no rank")


def weight_groups(
    model: MLP,
    rule: Pattern,
    sparsity: float | Mapping[int, float] | None,
    scope: str,
    layers: Iterable[int] | None,
) -> list[tuple[dict[str, NDArray[np.floating]], float]]:
    """Weights by name that are ranked together, and the share of zeros among them."""
    if scope not in SCOPES:
        raise ValueError(f"scope: wanted 'global' or 'layer', got {scope!r}")
    if isinstance(sparsity, Mapping):
        if layers is not None:
            raise TypeError("layers: sparsity names the layers already")
        for layer, share in sparsity.items():
            check_number(f"sparsity[{layer}]", share, 0, 1)
        return [(layer_weights(model, [layer]), rule.limit(share)) for layer, share in sparsity.items()]
    share, chosen = rule.limit(sparsity), layer_weights(model, layers)
    if not chosen:
        return []
    return [(chosen, share)] if scope == "global" else [({name: w}, share) for name, w in chosen.items()]


def join(model: MLP, masks: dict[str, Mask]) -> dict[str, Mask]:
    """Gives the model the new masks, joined with those it has: what was pruned before stays pruned."""
    for name, mask in masks.items():
        if name in model.masks:
            mask &= model.masks[name]
            model.parameters()[name][mask == 0] = 0
        model.set_mask(name, mask)
    return masks
