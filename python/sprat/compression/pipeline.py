"""Runs stages one after the other, keeps and measures what each has made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..nn import Model
from .measure import speeds
from .report import Report, file_name, result
from .stages import Stage
from .training import TrainingData

Named = tuple[str, Model]


def apply_stages(
    model: Model,
    stages: Sequence[Stage],
    data: TrainingData,
    *,
    on_stage: Callable[[str], object] | None = None,
) -> list[Named]:
    """Apply stages one after the other, each to what the one before has made.

    Parameters
    ----------
    model : nn.Model
        Stays as it is.
    stages : sequence of Stage
    data : TrainingData
    on_stage : callable, optional
        Told the name of each stage before it begins.

    Returns
    -------
    list of (name, model)
        One for each stage.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.compression import PruneNeurons, Quantize, Training, TrainingData, apply_stages
    >>> data = TrainingData(np.eye(8, dtype=np.float32), np.arange(8) % 2)
    >>> stages = [PruneNeurons(0.5, Training(epochs=1)), Quantize()]
    >>> for name, made in apply_stages(sprat.nn.MLP([8, 64, 2]), stages, data):
    ...     print(name, [layer.out_features for layer in made.layers])
    50% of neurons removed [32, 2]
    int8 static [32, 2]
    """
    made: list[Named] = []
    for stage in stages:
        if on_stage is not None:
            on_stage(stage.name)
        model = stage.apply(model, data)
        made.append((stage.name, model))
    return made


def measure(
    models: Sequence[Named], validation: tuple[Any, Any], *, folder: Any = None, seconds: float = 0.25
) -> Report:
    """Save, score and time models.

    Parameters
    ----------
    models : sequence of (name, model)
        The first one is what the others are compared with.
    validation : (x, y)
        Rows that no stage has seen.
    folder : path, optional
        Where every model is saved, one file each.
    seconds : float
        About how long to measure the speed of each.

    Returns
    -------
    Report

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.compression import measure
    >>> x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    >>> large, small = sprat.nn.MLP([8, 256, 2]), sprat.nn.MLP([8, 2])
    >>> report = measure([("large", large), ("small", small)], (x, y), seconds=0.01)
    >>> report[1].file_bytes / report[0].file_bytes < 0.01
    True
    """
    from ..io import save
    from ..training import evaluate

    x, y = validation
    paths: list[Path | None] = [None] * len(models)
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
        for index, (name, model) in enumerate(models):
            path = Path(folder, file_name(index, name))
            save(model, path)
            paths[index] = path
    scores = [evaluate(model, x, y) for _, model in models]
    taken = speeds([model for _, model in models], x, seconds=seconds)
    rows = zip(models, scores, taken, paths, strict=True)
    return Report(tuple(result(name, model, score, speed, path) for (name, model), score, speed, path in rows))


def run_stages(
    model: Model,
    stages: Sequence[Stage],
    *,
    train: tuple[Any, Any],
    validation: tuple[Any, Any],
    folder: Any = None,
    name: str = "start",
    seconds: float = 0.25,
    on_stage: Callable[[str], object] | None = None,
) -> Report:
    """Compress a model by explicit stages and measure each of them.

    Parameters
    ----------
    model : nn.MLP
        A trained model; stays as it is.
    stages : sequence of Stage
        For example ``[PruneWeights(sparsity=0.8), PruneNeurons(0.5), Quantize()]``; see
        :mod:`sprat.compression.stages`.
    train : (x, y)
        What stages train on and calibrate with: (rows, in_features) and class ids or float targets.
    validation : (x, y)
        What scores and speeds are measured on.
    folder : path, optional
        Where the model of every stage is saved as safetensors.
    name : str
        Of the row of ``model`` itself.
    seconds : float
        About how long to measure the speed of each model.
    on_stage : callable, optional
        Told the name of each stage before it begins.

    Returns
    -------
    Report
        The row of ``model``, then one for each stage.

    Raises
    ------
    TypeError, ValueError
        One line: a stage does not fit what the one before has made, or the data do not fit the model.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> from sprat.compression import PruneWeights, Quantize, run_stages
    >>> x = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
    >>> y = (x[:, 0] > 0).astype(int)
    >>> model = sprat.nn.MLP([8, 32, 2], seed=0)
    >>> _ = sprat.fit(model, x, y, epochs=5)
    >>> report = run_stages(model, [PruneWeights(0.5), Quantize()], train=(x, y), validation=(x, y), seconds=0.01)
    >>> [result.size.parameters for result in report]
    [354, 354, 354]
    """
    made = apply_stages(model, stages, TrainingData(*train), on_stage=on_stage)
    return measure([(name, model), *made], validation, folder=folder, seconds=seconds)


__all__ = ["apply_stages", "measure", "run_stages"]
