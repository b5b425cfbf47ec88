"""The model that ``sprat compress`` trains when it is given none."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ._console import Console
from ._tables import Rows

# Part of the budget that training may take, and the most seconds: the search gets the rest.
_SHARE, _MOST_SECONDS = 0.2, 90.0
# Rows that only training may look at, to tell its best epoch: those kept for the search shall have had no say in anything.
_WATCHED = 0.1


def train(arguments: argparse.Namespace, console: Console) -> tuple[Any, Rows, Rows]:
    """A trained model, rows to learn from, and rows that it has not seen. It is saved as ``original.safetensors``."""
    from .. import io, nn, training
    from ..compression.strategist.journal import alone
    from .train import _data

    if arguments.target is None:
        raise ValueError("--target: wanted the column to predict, as there is no MODEL that knows it")
    path = os.path.join(arguments.output, "original.safetensors")
    wanted = {"task": "auto", "columns": None, "categorical": None, "validation": str(arguments.validation)}
    encoder, rows, held_out = _data(argparse.Namespace(**{**vars(arguments), **wanted}))
    assert held_out is not None
    if arguments.resume and os.path.exists(path):
        console.say(f"{path} is there already")
        return io.load(path), rows, held_out
    outputs = len(encoder.class_names) if encoder.class_names is not None else 1
    model = nn.MLP([encoder.num_features, *arguments.hidden, outputs], seed=arguments.seed)
    model.encoder = encoder
    with alone(arguments.output):  # what is wrong with the folder is better known before training than after it
        console.say(f"training {model} on {len(rows):,} rows")
        result = training.auto_fit(
            model,
            rows.x,
            rows.y,
            seconds=min(_SHARE * arguments.budget, _MOST_SECONDS),
            validation_split=_WATCHED,
            seed=arguments.seed,
            progress=console.progress,
        )
        for reason in result.reasons:
            console.say(reason)
        if result.history.stopped_by == "interrupt":
            raise KeyboardInterrupt
        io.save(model, path)
    return model, rows, held_out
