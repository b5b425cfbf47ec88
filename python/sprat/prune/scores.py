"""How much a single weight matters: by its size, by what its removal would do to the loss, or by where training takes it.

===========  ================================================================  ==========================================
criterion    score of a weight w with gradient g                               source
===========  ================================================================  ==========================================
magnitude    abs(w)                                                            Han et al. 2015
taylor       root mean square of w g over mini-batches: the first-order        Molchanov et al. 2019, "Importance
             change of the loss when w becomes 0                               estimation for neural network pruning"
movement     sum of -w g over the steps of training: high where training       Sanh, Wolf & Rush 2020, "Movement
             moves w away from 0                                               pruning"
===========  ================================================================  ==========================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _device
from .rows import labelled_batches

if TYPE_CHECKING:
    from ..nn import MLP

Array = NDArray[np.floating]
Criterion = Callable[["MLP"], Mapping[str, Array]]

TRAINED = ("taylor", "movement")  # scores that gradients add up to
_BATCH_ROWS = 64


class RunningScores:
    """Scores that add up while a model trains.

    Parameters
    ----------
    criterion : "taylor" or "movement"

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.prune.scores import RunningScores
    >>> running = RunningScores("movement")
    >>> running.add({"w": np.array([2.0, -1.0])}, {"w": np.array([0.5, 3.0])})
    >>> running.scores()["w"]
    array([-1.,  3.])
    """

    def __init__(self, criterion: str) -> None:
        self.criterion = criterion
        self.steps = 0
        self.sums: dict[str, NDArray[Any]] = {}
        self._scratch: NDArray[Any] = np.empty(0, np.float32)

    def add(self, weights: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """One mini-batch: the weights before the step, and their gradient."""
        for name, weight in weights.items():
            if name not in gradients:  # frozen
                continue
            if name not in self.sums or self.sums[name].shape != weight.shape:
                self.sums[name] = np.zeros_like(weight)
            product = self._product(weight)
            np.multiply(weight, gradients[name], out=product)
            if self.criterion == "taylor":
                np.square(product, out=product)
                self.sums[name] += product
            else:
                self.sums[name] -= product
        self.steps += 1

    def _product(self, like: Array) -> Array:
        """Memory that is there already: a new array of this size would be new pages in every step."""
        if self._scratch.size < like.size or self._scratch.dtype != like.dtype:
            self._scratch = np.empty(like.size, like.dtype)
        return self._scratch[: like.size].reshape(like.shape)

    def scores(self) -> dict[str, Array]:
        """What has added up; nothing where no gradient came."""
        if self.criterion == "taylor":
            return {name: np.sqrt(sums / self.steps) for name, sums in self.sums.items()}
        return dict(self.sums)

    def clear(self) -> None:
        """Begin anew."""
        self.steps, self.sums = 0, {}

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"steps": self.steps, "sums": dict(self.sums)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.steps = int(state["steps"])
        self.sums = {name: np.array(sums) for name, sums in state["sums"].items()}


def weight_scores(
    model: MLP, names: Iterable[str], criterion: str | Criterion | Mapping[str, Array], data: Any, loss: Any
) -> dict[str, Array]:
    """The score of every weight of these names; -inf where the model's mask has removed it already."""
    _device.refuse("scores of weights", model)
    names = list(names)
    weights = {name: model.parameters()[name] for name in names}
    found: Mapping[str, Array]
    if isinstance(criterion, Mapping):
        found = criterion
    elif callable(criterion):
        found = criterion(model)
        if not isinstance(found, Mapping):
            raise TypeError(f"criterion: wanted a function that gives arrays by name, it gave a {type(found).__name__}")
    elif criterion == "magnitude":
        found = {name: np.abs(weight) for name, weight in weights.items()}
    elif criterion == "taylor":
        if data is None:
            raise ValueError("data: criterion 'taylor' wants (x, y), got None")
        found = _taylor(model, weights, data, loss)
    elif criterion == "movement":
        raise ValueError("criterion: 'movement' adds up while a model trains; see training.GradualPruning")
    else:
        raise ValueError(f"criterion: wanted 'magnitude', 'taylor', scores or a function, got {criterion!r}")
    return {name: _checked(name, found, weights[name], model.masks.get(name)) for name in names}


def _taylor(model: MLP, weights: Mapping[str, Array], data: Any, loss: Any) -> Mapping[str, Array]:
    running = RunningScores("taylor")
    chosen, batches = labelled_batches(model, data, loss, _BATCH_ROWS)
    model, gradients = model.copy(), None
    model.unfreeze()  # what is frozen has a gradient all the same
    for x, y, weight in batches:
        _, gradients = model.loss_and_gradients(x, y, loss=chosen, sample_weight=weight, training=False, out=gradients)
        running.add(weights, gradients)
    return running.scores()


def _checked(name: str, found: Mapping[str, Array], weight: Array, mask: NDArray[np.uint8] | None) -> Array:
    if name not in found:
        raise ValueError(f"criterion: wanted scores for {name}, got {', '.join(found) or 'none'}")
    scores = np.array(found[name])
    if scores.shape != weight.shape or scores.dtype.kind not in "fiu":
        raise ValueError(f"criterion: wanted numbers of shape {weight.shape} for {name}, got {scores.shape}")
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    if np.isnan(scores).any():
        raise ValueError(f"criterion: the scores of {name} hold NaN, which has no rank")
    if mask is not None:
        scores[mask == 0] = -np.inf
    return scores
