"""Removal of whole neurons: the network really becomes smaller, and with it masks and optimizer state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _device
from .importance import Criterion, Values, importances, mean_activations
from .selection import chosen_layers

if TYPE_CHECKING:
    from ..nn import MLP
    from ..optim import Optimizer

Kept = dict[int, NDArray[np.intp]]  # by layer, the neurons that stay


def neurons(
    model: MLP,
    amount: float | int,
    *,
    optimizer: Optimizer | None = None,
    criterion: str | Criterion = "l2",
    data: Any = None,
    loss: Any = None,
    bias_correction: bool | None = None,
    scope: str = "layer",
    layers: Iterable[int] | None = None,
) -> Kept:
    """Remove the least important hidden neurons, for real, in place.

    A neuron is a row of its layer's weight, its bias, and a column of the next layer's weight. Masks and the state of
    ``optimizer`` shrink with them. At least one neuron stays in every layer. Train again afterwards.

    Parameters
    ----------
    model
        The model, changed in place.
    amount
        A share (float, 0 to 1) or a number (int) of neurons to remove: of each layer, or of all together with
        ``scope="global"``.
    optimizer
        An optimizer bound to the model, whose state should follow.
    criterion
        Importance of a neuron. By its weights: ``"l2"`` or ``"l1"`` norm of the incoming times that of the outgoing
        ones, so that a neuron nobody listens to counts for nothing. By what it says on ``data``: ``"activation"``,
        ``"firing"``, ``"variance"``; by what the loss would lose: ``"taylor"``. Or a function ``(layer, model)`` that
        gives an array with one importance per neuron. See :mod:`sprat.prune.importance`.
    data
        Rows, (x, y) or (x, y, sample_weight), or a table: what the criterion looks at, read as :func:`sprat.fit` does.
        Some thousand rows do. ``"taylor"`` needs y.
    loss
        For ``"taylor"``, as for :func:`sprat.fit`; by default the one the model was trained with.
    bias_correction
        Put what a removed neuron says on average over ``data`` into the next layer's bias, so that of a neuron that
        always says the same nothing is lost. Default: wherever there are data and the next layer has a bias.
    scope
        ``"layer"``: every layer loses the same share. ``"global"``: importances, divided by the mean of their layer,
        are ranked together.
    layers
        Hidden layers to shrink, all by default. The output layer cannot be shrunk.

    Returns
    -------
    dict
        ``{layer: indices of the neurons that stayed}`` for every layer that shrank.

    Raises
    ------
    ValueError, TypeError
        One line that names the argument; nothing has changed then.

    Examples
    --------
    >>> import sprat
    >>> model = sprat.nn.MLP([64, 32, 16, 10], seed=0)
    >>> kept = sprat.prune.neurons(model, 0.5)
    >>> [layer.out_features for layer in model.layers]
    [16, 8, 10]
    >>> x, y = sprat.demo.digits().train
    >>> kept = sprat.prune.neurons(model, 4, criterion="taylor", data=(x, y))
    >>> [layer.out_features for layer in model.layers]
    [12, 4, 10]
    """
    _device.refuse("prune.neurons", model)
    chosen = _hidden_layers(model, layers)
    if scope not in ("layer", "global"):
        raise ValueError(f"scope: wanted 'layer' or 'global', got {scope!r}")
    means = _means(model, chosen, data, bias_correction)
    scores = importances(model, chosen, criterion, data, loss, means)
    if scope == "layer":
        kept = {layer: _best(s, s.size - _count("amount", amount, s.size)) for layer, s in scores.items()}
    else:
        kept = _best_of_all(scores, _count("amount", amount, sum(s.size for s in scores.values())))
    return keep(model, kept, optimizer, means)


def remove_dead(model: MLP, *, optimizer: Optimizer | None = None, constants: bool = False) -> Kept:
    """Remove hidden neurons that cannot influence the output; outputs keep their bits.

    A neuron is dead when all its outgoing weights are zero, or when all its incoming weights are zero and the
    activation of its bias is zero. Removing one can make others dead: repeated until none is left. Products are summed
    in the order of the inputs one by one, so leaving out a term that is exactly zero changes no bit (unless an
    activation is infinite or NaN, where zero times it was NaN before).

    Parameters
    ----------
    model, optimizer
        As for :func:`neurons`.
    constants
        Remove neurons too that hear nothing but say something: what they say always goes into the next layer's bias,
        where it has one. Outputs then change by rounding.

    Returns
    -------
    dict
        As for :func:`neurons`.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([8, 6, 3], seed=0)
    >>> model.parameters()["layers.1.weight"][:, [1, 4]] = 0
    >>> x = np.ones((2, 8), np.float32)
    >>> before = model(x)
    >>> sprat.prune.remove_dead(model)
    {0: array([0, 2, 3, 5])}
    >>> bool((model(x) == before).all())
    True
    """
    _device.refuse("prune.remove_dead", model)
    total: Kept = {}
    while True:
        states = {layer: _dead(model, layer, constants) for layer in _hidden_layers(model, None)}
        alive = {layer: np.flatnonzero(~dead) for layer, (dead, _) in states.items()}
        # A layer keeps one neuron: a network without it would have no way through.
        found = {layer: index if index.size else np.zeros(1, np.intp) for layer, index in alive.items()}
        said = {layer: output for layer, (_, output) in states.items()} if constants else {}
        shrunk = keep(model, found, optimizer, {layer: s for layer, s in said.items() if model.layers[layer + 1].bias})
        if not shrunk:
            return dict(sorted(total.items()))
        for layer, index in shrunk.items():
            total[layer] = total[layer][index] if layer in total else index


def keep(
    model: MLP, kept: Kept, optimizer: Optimizer | None = None, constants: dict[int, Values] | None = None
) -> Kept:
    """Keep only the given neurons of the given hidden layers; returns the layers that shrank.

    Of the layers in ``constants`` the next biases take over what removed neurons say, one number for each neuron.
    """
    _device.refuse("prune.neurons", model)
    kept = {layer: index for layer, index in kept.items() if index.size < model.layers[layer].out_features}
    if not kept:
        return {}
    if optimizer is not None and getattr(optimizer, "_model", None) is not model:
        raise ValueError("optimizer: wanted one that was made with this model, as its state shall follow")
    constants = constants or {}
    said = {layer: _said(model, layer, kept[layer], constants[layer]) for layer in kept if layer in constants}
    # For every parameter the indices kept along each of its axes; None keeps all.
    index_maps: dict[str, tuple[NDArray[np.intp] | None, ...]] = {}
    for name, values in model.parameters().items():
        layer = int(name.split(".")[1])
        rows, columns = kept.get(layer), kept.get(layer - 1)
        index_maps[name] = (rows, columns) if values.ndim == 2 else (rows,)
    parameters = {name: take(values, index_maps[name]) for name, values in model.parameters().items()}
    masks = {name: take(mask, index_maps[name]) for name, mask in model.masks.items()}
    specs = [_resized(model.layers[i], kept.get(i - 1), kept.get(i)) for i in range(len(model.layers))]
    model._rebuild(specs, parameters, masks)
    if optimizer is not None:
        optimizer.rebind(model, index_maps)
    for layer, values in said.items():
        name = f"layers.{layer + 1}.bias"
        heard = take(values, index_maps[name])
        model.parameters()[name][...] += heard.astype(model.dtype)
        if optimizer is not None and optimizer.ema is not None:
            optimizer.ema[name][...] += heard.astype(model.dtype)
    return kept


def _means(model: MLP, layers: list[int], data: Any, wanted: bool | None) -> dict[int, Values] | None:
    """What the neurons of each layer say on average, where that shall go into the next bias."""
    if wanted is False or (data is None and wanted is None):
        return None
    if data is None:
        raise ValueError("bias_correction: wants data, got None")
    able = [layer for layer in layers if model.layers[layer + 1].bias]
    if wanted and len(able) < len(layers):
        raise ValueError(f"bias_correction: layer {min(set(layers) - set(able)) + 1} has no bias")
    return mean_activations(model, able, data)


def _said(model: MLP, layer: int, kept: NDArray[np.intp], constants: Values) -> Values:
    """What the next layer's neurons heard of those that go: (out_features of the next layer,)."""
    gone = np.setdiff1d(np.arange(constants.size), kept)
    listening = model.parameters()[f"layers.{layer + 1}.weight"].astype(np.float64)
    said: Values = (listening[:, gone] * constants[gone]).sum(axis=1)
    return said


def take(array: NDArray[Any], indices: tuple[NDArray[np.intp] | None, ...]) -> NDArray[Any]:
    """The elements at the given indices of each axis (None: all of them)."""
    for axis, index in enumerate(indices):
        if index is not None:
            array = np.take(array, index, axis)
    return np.ascontiguousarray(array)


def _resized(spec: Any, inputs: NDArray[np.intp] | None, outputs: NDArray[np.intp] | None) -> Any:
    from dataclasses import replace

    return replace(
        spec,
        in_features=spec.in_features if inputs is None else int(inputs.size),
        out_features=spec.out_features if outputs is None else int(outputs.size),
    )


def _hidden_layers(model: MLP, layers: Iterable[int] | None) -> list[int]:
    hidden = len(model.layers) - 1
    chosen = list(range(hidden)) if layers is None else chosen_layers(layers)
    for layer in chosen:
        if not 0 <= layer < hidden:
            raise ValueError(f"layers: wanted hidden layers, 0 to {hidden - 1}, got {layer}")
    return sorted(set(chosen))


def _count(name: str, amount: float | int, total: int) -> int:
    whole = isinstance(amount, (int, np.integer)) and not isinstance(amount, bool)
    if whole and 0 <= amount <= total:
        return int(amount)
    if not whole and isinstance(amount, (float, np.floating)) and 0 <= amount <= 1:
        return round(float(amount) * total)
    raise ValueError(f"{name}: wanted a share from 0.0 to 1.0 or a number from 0 to {total}, got {amount!r}")


def _best(scores: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Indices, ascending, of the ``count`` highest scores (at least one); among equals the first stay."""
    order = np.argsort(-scores, kind="stable")
    return np.sort(order[: max(count, 1)])


def _best_of_all(scores: dict[int, NDArray[np.float64]], remove: int) -> Kept:
    relative = {layer: s / (s.mean() or 1.0) for layer, s in scores.items()}
    order = sorted((value, layer, i) for layer, s in relative.items() for i, value in enumerate(s))
    gone: dict[int, set[int]] = {layer: set() for layer in scores}
    for _, layer, i in order:
        if remove == 0:
            break
        if len(gone[layer]) + 1 < scores[layer].size:
            gone[layer].add(i)
            remove -= 1
    return {layer: np.array([i for i in range(s.size) if i not in gone[layer]], np.intp) for layer, s in scores.items()}


def _dead(model: MLP, layer: int, constants: bool) -> tuple[NDArray[np.bool_], Values]:
    """Which neurons may go, and what each says when it hears nothing; 0 where others do hear something."""
    from ..nn import activations

    parameters = model.parameters()
    unheard = ~parameters[f"layers.{layer + 1}.weight"].any(axis=0)
    silent = ~parameters[f"layers.{layer}.weight"].any(axis=1)
    bias = parameters.get(f"layers.{layer}.bias")
    if bias is None:
        bias = np.zeros(silent.shape, model.dtype)
    output = activations.apply(model.layers[layer].activation, np.ascontiguousarray(bias))
    foldable = constants and model.layers[layer + 1].bias
    dead = unheard | (silent if foldable else silent & (output == 0))
    return np.asarray(dead), np.where(silent, output, 0.0).astype(np.float64)
