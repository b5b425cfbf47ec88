"""How much a neuron matters: by its weights, by what it says, or by what its removal would do to the loss.

Removal puts nothing in the neuron's place, or its mean over the data, which goes into the next layer's bias. What is
then missing is d = a, or d = a - mean(a), of its activation a:

===========  ===============================================================  ===========================================
criterion    importance of a neuron                                           source
===========  ===============================================================  ===========================================
l2, l1       norm of incoming weights and bias x norm of outgoing weights     Li et al. 2017, "Pruning filters for
                                                                              efficient convnets"
activation   mean abs(a) x 2-norm of outgoing weights: what the next layer    Hu et al. 2016, "Network trimming"
             hears of it                                                      (by statistics of activations)
firing       share of rows with a != 0                                        Hu et al. 2016 (1 - APoZ)
variance     standard deviation of a x 2-norm of outgoing weights: the        Molchanov et al. 2017 (as one of the
             error of the next layer's sums when the mean takes its place     statistics compared)
taylor       mean abs(d dL/da): the first-order change of the loss            Molchanov et al. 2017, "Pruning
                                                                              convolutional neural networks for
                                                                              resource efficient inference", eq. 6
===========  ===============================================================  ===========================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .rows import input_batches, labelled_batches

if TYPE_CHECKING:
    from ..nn import MLP

Values = NDArray[np.float64]
Criterion = Callable[[int, "MLP"], NDArray[np.floating]]

BY_WEIGHTS = ("l2", "l1")
BY_ROWS = ("activation", "firing", "variance", "taylor")


def importances(
    model: MLP,
    layers: Iterable[int],
    criterion: str | Criterion,
    data: Any,
    loss: Any,
    means: dict[int, Values] | None,
) -> dict[int, Values]:
    """One number for each neuron of these hidden layers; ``means`` of what takes their place, None: nothing does."""
    layers = list(layers)
    if callable(criterion):
        return {layer: _own(model, layer, criterion) for layer in layers}
    if criterion in BY_WEIGHTS:
        return {layer: _by_weights(model, layer, criterion) for layer in layers}
    if criterion not in BY_ROWS:
        wanted = ", ".join(map(repr, (*BY_WEIGHTS, *BY_ROWS)))
        raise ValueError(f"criterion: wanted {wanted} or a function, got {criterion!r}")
    if data is None:
        wanted = "(x, y)" if criterion == "taylor" else "rows"
        raise ValueError(f"data: criterion {criterion!r} wants {wanted}, got None")
    if criterion == "taylor":
        return _taylor(model, layers, data, loss, means or {})
    if criterion == "variance":
        centres = mean_activations(model, layers, data)
        squares = _average(model, layers, data, lambda a, layer: np.square(a - centres[layer]))
        return {layer: np.sqrt(square) * outgoing(model, layer, 2) for layer, square in squares.items()}
    if criterion == "firing":
        return _average(model, layers, data, lambda a, _: a != 0)
    heard = _average(model, layers, data, lambda a, _: np.abs(a))
    return {layer: mean * outgoing(model, layer, 2) for layer, mean in heard.items()}


def mean_activations(model: MLP, layers: Iterable[int], data: Any) -> dict[int, Values]:
    """The mean of every neuron of these layers over the rows of ``data``."""
    return _average(model, layers, data, lambda a, _: a)


def outgoing(model: MLP, layer: int, order: int) -> Values:
    """Norm of the weights that listen to each neuron."""
    weight = model.parameters()[f"layers.{layer + 1}.weight"].astype(np.float64)
    return np.asarray(np.linalg.norm(weight, order, axis=0))


def _average(
    model: MLP, layers: Iterable[int], data: Any, of: Callable[[Values, int], NDArray[Any]]
) -> dict[int, Values]:
    """Mean over the rows of ``of(activations, layer)``, in double, row after row."""
    sums = {layer: np.zeros(model.layers[layer].out_features) for layer in layers}
    rows = 0
    for x in input_batches(model, data):
        rows += len(x)
        for layer, total in sums.items():
            activations = model.hidden(x, layer).astype(np.float64)
            if not np.isfinite(activations).all():
                raise ValueError(f"data: activations of layer {layer} became infinite or NaN")
            total += of(activations, layer).sum(axis=0, dtype=np.float64)
    return {layer: total / rows for layer, total in sums.items()}


def _taylor(model: MLP, layers: list[int], data: Any, loss: Any, means: dict[int, Values]) -> dict[int, Values]:
    chosen, batches = labelled_batches(model, data, loss)
    tails = {layer: _tail(model, layer) for layer in layers}
    sums = {layer: np.zeros(model.layers[layer].out_features) for layer in layers}
    rows = 0
    for x, y, weight in batches:
        rows += len(x)
        for layer, total in sums.items():
            activations = model.hidden(x, layer)
            output = tails[layer].forward(activations, training=True)
            _, gradient = chosen(output, y) if weight is None else chosen(output, y, weight)
            at_neurons = np.empty_like(activations)
            tails[layer].backward(gradient, grad_x=at_neurons)
            change = (activations - means.get(layer, 0.0)) * at_neurons.astype(np.float64)
            # The gradient is that of the batch's mean: a row's own is so many times as large.
            total += np.abs(change).sum(axis=0) * len(x)
    return {layer: total / rows for layer, total in sums.items()}


def _tail(model: MLP, layer: int) -> MLP:
    """The layers behind one, without dropout."""
    parameters = model.parameters()
    specs = [replace(spec, dropout=0.0) for spec in model.layers[layer + 1 :]]
    names = [
        (index, kind) for index, spec in enumerate(specs) for kind in (("weight", "bias") if spec.bias else ("weight",))
    ]
    values = {f"layers.{index}.{kind}": parameters[f"layers.{layer + 1 + index}.{kind}"] for index, kind in names}
    return type(model).from_layers(specs, values, model.dtype)


def _by_weights(model: MLP, layer: int, criterion: str) -> Values:
    order = 2 if criterion == "l2" else 1
    parameters = model.parameters()
    weight = parameters[f"layers.{layer}.weight"].astype(np.float64)
    bias = parameters.get(f"layers.{layer}.bias")
    column = np.zeros((len(weight), 1)) if bias is None else bias.astype(np.float64)[:, None]
    incoming = np.linalg.norm(np.hstack([weight, column]), order, axis=1)
    return np.asarray(incoming * outgoing(model, layer, order))


def _own(model: MLP, layer: int, criterion: Criterion) -> Values:
    size = model.layers[layer].out_features
    scores = np.asarray(criterion(layer, model), np.float64)
    if scores.shape != (size,) or np.isnan(scores).any():
        raise ValueError(f"criterion: wanted {size} numbers for layer {layer}, got shape {scores.shape} or NaN")
    return scores
