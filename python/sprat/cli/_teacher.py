"""The model that ``sprat compress`` trains when it is given none."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ._console import Console
from ._tables import Rows

# Part of the budget that training may take; the search gets the rest.
_SHARE = 0.3
_MOST_EPOCHS, _PATIENCE = 60, 5


def train(arguments: argparse.Namespace, console: Console) -> tuple[Any, Rows, Rows]:
    """A trained model, rows to learn from, and rows that it has not seen. It is saved as ``original.safetensors``."""
    from .. import io, nn, training
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
    console.say(f"training {model} on {len(rows):,} rows")
    history = training.fit(
        model,
        rows.x,
        rows.y,
        epochs=_MOST_EPOCHS,
        batch_size=128 if len(rows) >= 8192 else 32,
        validation_split=0.1,  # the rows kept for the search shall have had no say in anything
        early_stopping=_PATIENCE,
        seed=arguments.seed,
        progress=console.progress,
        callbacks=[_Until(_SHARE * arguments.budget)],
    )
    if history.stopped_by == "interrupt":
        raise KeyboardInterrupt
    os.makedirs(arguments.output, exist_ok=True)
    io.save(model, path)
    return model, rows, held_out


def _Until(seconds: float) -> Any:
    """Ends training after so many seconds."""
    import time

    end = time.monotonic() + seconds

    def stop(trainer: Any) -> None:
        if time.monotonic() > end:
            trainer.stop("budget")

    return stop


__all__ = ["train"]
