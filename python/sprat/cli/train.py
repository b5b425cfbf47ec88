"""Train a network on a table and save it with all that the table needs.

Numbers are standardised, text becomes categories, missing values are marked; a target of text or of few whole numbers
means classes, other numbers mean regression. Ctrl-C stops after the current step; with --checkpoint the training can be
resumed and ends with the very bits of a training that was never stopped.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import Any

from ._console import (
    Console,
    add_common,
    number,
    refuse_overwriting,
    threads_of,
    whole,
    widths,
    with_examples,
    write_json,
)
from ._tables import Rows, add_data, column, encode, read, score_line

SCHEDULES = ("constant", "cosine", "exponential", "linear", "one-cycle")


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat train``."""
    add_data(parser)
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--output", "-o", default="model.safetensors", metavar="FILE", help="the model (default: model.safetensors)"
    )
    parser.add_argument(
        "--task", choices=("auto", "classification", "regression"), default="auto", help="default: by the target"
    )
    parser.add_argument("--columns", metavar="A,B,...", help="columns to predict from (default: all others)")
    parser.add_argument("--categorical", metavar="A,B,...", help="columns of numbers that are codes")
    network = parser.add_argument_group("network")
    network.add_argument(
        "--hidden", type=widths, default=[64, 32], metavar="64,32", help="widths of hidden layers, or none"
    )
    network.add_argument("--activation", default="relu", metavar="NAME", help="of hidden layers (default relu)")
    network.add_argument("--dropout", type=number(0, 0.99), default=0.0, metavar="P", help="of hidden layers")
    training = parser.add_argument_group("training")
    training.add_argument(
        "--auto",
        action="store_true",
        help="find batch size, learning rate and schedule by short trials, and say why (those given are kept)",
    )
    training.add_argument("--epochs", type=whole(1), metavar="N", help="default 20")
    training.add_argument(
        "--seconds",
        type=number(0, open_low=True),
        metavar="S",
        help="with --auto: time for everything, instead of epochs",
    )
    training.add_argument("--batch-size", type=whole(1), metavar="N", help="default 64")
    training.add_argument("--optimizer", default="adam", metavar="NAME", help="sgd, adam, adamw, ... (default adam)")
    training.add_argument("--lr", type=number(0, open_low=True), metavar="RATE", help="default 0.001")
    training.add_argument("--schedule", choices=SCHEDULES, help="of the rate (default constant)")
    training.add_argument("--loss", metavar="NAME", help="cross_entropy, mse, mae or huber (default: by the task)")
    training.add_argument(
        "--validation",
        default="0.2",
        metavar="SHARE|FILE",
        help="rows to measure on: a share of DATA (default 0.2; 0 for none), or another table",
    )
    training.add_argument("--early-stopping", type=whole(1), metavar="N", help="stop after N epochs without progress")
    training.add_argument("--clip-norm", type=number(0, open_low=True), metavar="X", help="largest norm of gradients")
    training.add_argument("--checkpoint", metavar="FILE", help="save the state of training after each epoch")
    training.add_argument("--resume", action="store_true", help="go on from --checkpoint if it is there")
    training.add_argument("--seed", type=whole(0), default=0, metavar="N", help="same seed, same bits (default 0)")
    parser.add_argument("--json", metavar="FILE", help="write figures and history as JSON; - prints them")
    add_common(parser)
    with_examples(
        parser,
        "sprat train flowers.csv --target species",
        "sprat train houses.parquet --target price --hidden 128,64 --epochs 50 --schedule cosine --early-stopping 5",
        "sprat train houses.csv --target price --auto --seconds 30",
        "sprat train long.csv --target y --checkpoint run.safetensors            # Ctrl-C, then again with --resume",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, save, and say how good the model is on rows that it has not seen."""
    from .. import io, nn, training
    from ._progress import EpochLines

    console = Console(arguments.quiet)
    if arguments.resume and not arguments.checkpoint:
        raise ValueError("--resume: wanted --checkpoint FILE as well, to know from where")
    _choose_budget(arguments)
    _check_folder(arguments.output)
    refuse_overwriting("--output", arguments.output, arguments.data)
    refuse_overwriting("--checkpoint", arguments.checkpoint, arguments.data)
    refuse_overwriting("--json", arguments.json, arguments.data)
    encoder, train, held_out = _data(arguments)
    outputs = len(encoder.class_names) if encoder.class_names is not None else 1
    sizes = [encoder.num_features, *arguments.hidden, outputs]
    model = nn.MLP(sizes, activation=arguments.activation, dropout=arguments.dropout, seed=arguments.seed)
    model.encoder = encoder
    loss = _loss(arguments.loss, encoder.task)
    held = f", {len(held_out)} to measure on" if held_out is not None else ""
    console.say(f"{encoder.task} of {encoder.target_name!r}: {model}; {len(train):,} rows to train on{held}")
    common = {
        "loss": loss,
        "optimizer": arguments.optimizer,
        "validation": None if held_out is None else (held_out.x, held_out.y),
        "seed": arguments.seed,
        "clip_norm": arguments.clip_norm,
        "progress": console.progress,
    }
    reasons = None
    with threads_of(arguments):
        if arguments.auto:
            found = training.auto_fit(
                model,
                train.x,
                train.y,
                seconds=arguments.seconds,
                epochs=arguments.epochs,
                lr=arguments.lr,
                batch_size=arguments.batch_size,
                callbacks=[EpochLines(console)],
                **common,
            )
            history, reasons = found.history, found.reasons
            console.say(str(found))
        else:
            history = training.fit(
                model,
                train.x,
                train.y,
                lr=_rate(arguments, len(train)),
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                early_stopping=arguments.early_stopping,
                checkpoint=arguments.checkpoint,
                resume=arguments.resume,
                callbacks=[EpochLines(console)],
                **common,
            )
        if history.stopped_by == "interrupt":
            return _interrupted(arguments, console, history)
        io.save(model, arguments.output)
        measured = held_out if held_out is not None else train
        scores = training.evaluate(model, measured.x, measured.y)
    _show(arguments, model, history, scores, held_out is not None, reasons)
    return 0


def _choose_budget(arguments: argparse.Namespace) -> None:
    """Defaults of what was not given; with --auto only of the budget, the rest is found."""
    if arguments.auto:
        for name in ("schedule", "early_stopping", "checkpoint"):
            if getattr(arguments, name) is not None:
                raise ValueError(
                    f"--{name.replace('_', '-')}: --auto decides about that itself; leave one of the two out"
                )
    elif arguments.seconds is not None:
        raise ValueError("--seconds: wanted --auto as well, which plans a training by time")
    if arguments.seconds is not None and arguments.epochs is not None:
        raise ValueError("--seconds: --epochs is given as well; pass one of the two")
    if arguments.seconds is None:
        arguments.epochs = arguments.epochs or 20
    if not arguments.auto:
        arguments.batch_size = arguments.batch_size or 64
        arguments.lr = arguments.lr or 1e-3


def _data(arguments: argparse.Namespace) -> tuple[Any, Rows, Rows | None]:
    """Encoder, rows to train on, rows to measure on. The encoder learns from the rows to train on alone."""
    from ..tabular import Encoder, split

    table = read(arguments.data)
    name = arguments.target
    target = column(table, name, arguments.data)
    share = _share(arguments.validation)
    options = {
        "target": name,
        "task": arguments.task,
        "columns": _names(arguments.columns),
        "categorical": _names(arguments.categorical) or (),
    }
    if share == 0:
        encoder = Encoder.fit(table, **options)
        return encoder, encode(encoder, table, name), None
    if share is None:
        encoder = Encoder.fit(table, **options)
        other = read(arguments.validation)
        column(other, name, arguments.validation)
        return encoder, encode(encoder, table, name), encode(encoder, other, name)
    # The classes are known before rows are drawn, so that each is on both sides, and a rare one is not forgotten.
    known = Encoder.fit({f"not {name}": range(len(target)), name: target}, target=name, task=arguments.task)
    stratify = target if known.task == "classification" else None
    chosen, _ = split(len(target), share, seed=arguments.seed, stratify=stratify)
    encoder = Encoder.fit({key: values[chosen] for key, values in table.items()}, **options)
    if known.task == "classification":
        encoder = replace(encoder, target=known.target)
    return encoder, *encode(encoder, table, name).split(share, arguments.seed)


def _loss(name: str | None, task: str) -> str:
    known = ("cross_entropy",) if task == "classification" else ("mse", "mae", "huber")
    if name is not None and name not in known:
        raise ValueError(f"--loss: {task} takes {', '.join(known)}, got {name}")
    return name or known[0]


def _share(text: str) -> float | None:
    """A share of the rows, or None when the text names a file."""
    try:
        share = float(text)
    except ValueError:
        return None
    if not 0 <= share < 1:
        raise ValueError(f"--validation: wanted a share from 0 to below 1, or a file, got {text}")
    return share


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _rate(arguments: argparse.Namespace, rows: int) -> Any:
    """The learning rate, or a schedule over all the steps there will be."""
    from ..optim import schedules

    steps = arguments.epochs * -(-rows // arguments.batch_size)
    if arguments.schedule == "cosine":
        return schedules.Cosine(arguments.lr, steps=steps)
    if arguments.schedule == "exponential":
        return schedules.Exponential(arguments.lr, gamma=0.01 ** (1 / steps))  # 1 % is left at the end
    if arguments.schedule == "linear":
        return schedules.Linear(arguments.lr, steps=steps, start_factor=1.0, end_factor=0.0)
    if arguments.schedule == "one-cycle":
        return schedules.OneCycle(arguments.lr, steps=steps)
    return arguments.lr


def _check_folder(path: str) -> None:
    """Better now than after an hour of training."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise ValueError(f"--output: the folder {folder!r} does not exist")
    if os.path.isdir(path):
        raise ValueError(f"--output: wanted a file, {path!r} is a folder")


def _interrupted(arguments: argparse.Namespace, console: Console, history: Any) -> int:
    where = f"interrupted in epoch {history.epochs + 1}" + (f" of {arguments.epochs}" if arguments.epochs else "")
    if arguments.checkpoint:
        console.note(f"sprat: {where}; the state is saved in {arguments.checkpoint}, go on with --resume")
    else:
        console.note(f"sprat: {where}; nothing is saved (--checkpoint FILE keeps what there is)")
    return 130


def _show(
    arguments: argparse.Namespace,
    model: Any,
    history: Any,
    scores: dict[str, float],
    unseen: bool,
    reasons: list[str] | None,
) -> None:
    figures = {
        "model": arguments.output,
        "task": model.encoder.task,
        "parameters": model.num_parameters,
        "bytes": os.path.getsize(arguments.output),
        "epochs": history.epochs,
        "stopped_by": history.stopped_by,
        "measured_on": "validation" if unseen else "training",
        **scores,
        **({} if reasons is None else {"reasons": reasons}),
        "history": dict(history),
    }
    if arguments.json:
        write_json(figures, arguments.json)
    if arguments.json != "-":
        rows = "rows not trained on" if unseen else "the training rows"
        print(f"{score_line(scores)} on {rows}")
        print(f"{arguments.output}: {model.num_parameters:,} parameters, {figures['bytes']:,} bytes")
