"""Hints: before it imitates the outputs, the student learns to carry what a hidden layer of the teacher knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..nn import MLP


@dataclass(frozen=True)
class Hint:
    """The first stage of FitNets (Romero et al. 2015): hidden layers of teacher and student that should agree.

    The student's layers up to ``student_layer`` are trained with a linear regressor on top of them, thrown away
    afterwards, towards the teacher's activations after ``teacher_layer``, by mean squared error. Distillation of the
    outputs follows.

    Parameters
    ----------
    teacher_layer, student_layer : int
        Hidden layers, counted from 0. The middle of both networks is usual.
    epochs : int
        Epochs of this stage.
    lr : float
        Rate of its Adam optimizer.

    Examples
    --------
    >>> from sprat.distillation import Hint
    >>> Hint(teacher_layer=1, student_layer=0)
    Hint(teacher_layer=1, student_layer=0, epochs=5, lr=0.001)
    """

    teacher_layer: int
    student_layer: int
    epochs: int = 5
    lr: float = 1e-3

    def train(self, teacher: MLP, student: MLP, x: Any, *, batch_size: int, seed: int) -> float:
        """Run the stage; returns the mean squared error of its last epoch."""
        from ..nn import MLP, LayerSpec
        from ..training import fit

        for name, model, layer in (
            ("teacher_layer", teacher, self.teacher_layer),
            ("student_layer", student, self.student_layer),
        ):
            if not 0 <= layer < len(model.layers) - 1:
                raise ValueError(f"hints.{name}: wanted a hidden layer, 0 to {len(model.layers) - 2}, got {layer}")
        knows = np.concatenate(
            [teacher.hidden(x[i : i + 1024], self.teacher_layer) for i in range(0, len(x), 1024)]
        ).astype(student.dtype)
        front = student.layers[: self.student_layer + 1]
        regressor = LayerSpec(front[-1].out_features, knows.shape[1], "identity", True, 0.0)
        stage = MLP.from_layers([*front, regressor], dtype=str(student.dtype), seed=seed)
        shared = [name for name in stage.parameters() if int(name.split(".")[1]) <= self.student_layer]
        for name in shared:
            stage.parameters()[name][...] = student.parameters()[name]
            if name in student.masks:
                stage.set_mask(name, student.masks[name])
        stage.freeze(*(name for name in shared if name in student.frozen))
        history = fit(
            stage,
            x,
            knows,
            loss="mse",
            lr=self.lr,
            epochs=self.epochs,
            batch_size=batch_size,
            seed=seed,
            progress=False,
        )
        for name in shared:
            student.parameters()[name][...] = stage.parameters()[name]
        return float(history["loss"][-1])
