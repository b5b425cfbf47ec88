"""The demo itself: a teacher, two students, pruning, quantization, and what all of them cost."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..compression import (
    Distill,
    Pack,
    PruneNeurons,
    PruneWeights,
    Quantize,
    Report,
    TrainingData,
    apply_stages,
    measure,
)
from ..nn import MLP, Model
from .data import Dataset
from .plan import Plan


def run(
    data: Dataset,
    plan: Plan,
    *,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    seconds: float = 0.4,
    on_stage: Callable[[str], object] = lambda name: None,
) -> Report:
    """Train a teacher, make it small in two ways, and measure every stage.

    The first way is a small student, trained alone and with the teacher's help, then on integers. The second is the
    teacher itself: small weights set to zero, neurons removed, each followed by training, then on integers, with fixed
    (static) and with measured (dynamic) ranges of activations.

    Parameters
    ----------
    data : Dataset
    plan : Plan
    seed : int
        Of the first weights.
    folder : path, optional
        Where every stage is saved.
    seconds : float
        About how long to measure the speed of each stage.
    on_stage : callable
        Told what is done next.

    Returns
    -------
    Report

    Examples
    --------
    >>> from sprat.demo import Plan, digits, run
    >>> data = digits()
    >>> report = run(data, Plan.choose(data, quick=True), seconds=0.01)
    >>> report[0].name, report[0].scores["accuracy"] > 0.95
    ('teacher', True)
    """
    train = TrainingData(*data.train)
    models: list[tuple[str, Model]] = []

    def branch(model: Model, *stages: tuple[str, object]) -> Model:
        """Stages one after the other, each under its own name."""
        for name, stage in stages:
            on_stage(name)
            ((_, model),) = apply_stages(model, [stage], train)  # type: ignore[list-item]
            models.append((name, model))
        return model

    on_stage("teacher")
    teacher = MLP([data.features, *plan.teacher, data.classes], seed=seed)
    teacher.loss_name = "cross_entropy"
    plan.teaching.fit(teacher, train)
    models.append(("teacher", teacher))

    alone = Distill(plan.student, alpha=0, seed=seed, training=plan.learning)
    taught = Distill(plan.student, plan.temperature, plan.alpha, seed=seed, training=plan.learning)
    branch(teacher, ("student alone", alone))
    branch(teacher, ("student distilled", taught), ("student distilled, int8", Quantize()))

    thin = branch(
        teacher, ("teacher, weights pruned", PruneWeights(threshold=plan.threshold, training=plan.retraining))
    )
    branch(thin, ("teacher pruned, zeros left out", Pack()))
    pruned = branch(thin, ("teacher, neurons removed too", PruneNeurons(plan.neurons, plan.retraining)))
    branch(pruned, ("teacher pruned, int8 static", Quantize()))
    branch(pruned, ("teacher pruned, int8 dynamic", Quantize("dynamic")))

    on_stage("measuring")
    return measure(models, data.test, folder=folder, seconds=seconds)


__all__ = ["run"]
