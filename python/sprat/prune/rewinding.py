"""What iterative pruning must remember: where a training began, which neurons are left, which rounds are done."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..training.callbacks import Callback
from .neurons import Kept, keep

if TYPE_CHECKING:
    from ..nn import MLP
    from ..training.trainer import Trainer


@dataclass
class Origin:
    """A model and its optimizer in the middle of the first training, to go back to."""

    layers: list[dict[str, Any]]
    params: NDArray[Any]
    optimizer: dict[str, Any]
    epoch: int

    @classmethod
    def of(cls, trainer: Trainer, epoch: int) -> Origin:
        """Where a training stands after so many epochs."""
        layers = [asdict(layer) for layer in trainer.model.layers]
        return cls(layers, trainer.model.params.copy(), trainer.optimizer.state_dict(), epoch)

    def restore(self, model: MLP, optimizer: Any, kept: Kept) -> None:
        """Put weights and optimizer back to then, without what was pruned since; masks stay."""
        from ..nn import LayerSpec

        masks = model.masks
        if kept:
            whole = type(model).from_layers([LayerSpec(**layer) for layer in self.layers], self.params, model.dtype)
            model._rebuild(whole.layers, whole.parameters(), {})
            optimizer.rebind()
            optimizer.load_state_dict(self.optimizer)
            keep(model, kept, optimizer)
            return
        model.params[...] = self.params
        for name, mask in masks.items():
            model.parameters()[name][mask == 0] = 0
        optimizer.load_state_dict(self.optimizer)


class Memory(Callback):
    """Carried through the checkpoints of all rounds.

    Parameters
    ----------
    rewind_epoch : int, optional
        After how many epochs of round 0 the origin is taken; None: never.
    """

    def __init__(self, rewind_epoch: int | None) -> None:
        self.rewind_epoch = rewind_epoch
        self.round = 0
        self.origin: Origin | None = None
        self.kept: Kept = {}
        self.done: list[dict[str, Any]] = []

    def note(self, kept: Kept) -> None:
        """Neurons were removed once more."""
        for layer, index in kept.items():
            self.kept[layer] = self.kept[layer][index] if layer in self.kept else index

    def on_train_begin(self, trainer: Trainer) -> None:
        if self.round == 0 and self.rewind_epoch == 0 and trainer.step == 0:
            self.origin = Origin.of(trainer, 0)

    def on_epoch_end(self, trainer: Trainer) -> None:
        if self.round == 0 and trainer.epoch + 1 == self.rewind_epoch:
            self.origin = Origin.of(trainer, trainer.epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        return {
            "round": self.round,
            "origin": None if self.origin is None else dict(vars(self.origin)),
            "kept": {str(layer): index for layer, index in self.kept.items()},
            "done": list(self.done),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        origin = state["origin"]
        self.round = int(state["round"])
        self.origin = None if origin is None else Origin(**origin)
        self.kept = {int(layer): np.asarray(index, np.intp) for layer, index in state["kept"].items()}
        self.done = list(state["done"])

    def read(self, path: str | os.PathLike[str], model: MLP) -> bool:
        """Stand where a checkpoint was made, the model with its layers and masks; False when there is none."""
        from ..io import load_training

        if not os.path.exists(path):
            return False
        saved = load_training(path)
        states = [state for name, state in saved.state["callbacks"] if name == type(self).__name__]
        if len(states) != 1:
            raise ValueError(f"resume: {os.fspath(path)} is no checkpoint of prune.iterative")
        self.load_state_dict(states[0])
        model._rebuild(saved.model.layers, saved.model.parameters(), saved.model.masks)
        return True
