"""Make a model smaller and faster by the stages you name, and show what each of them costs and gains.

Stages run in the order they are given. Each one but quantization is followed by training on DATA; each one is saved and
measured on rows that were kept from training. Quantization comes last.
"""

from __future__ import annotations

import argparse
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
from ._tables import add_data, load_model, rows_for


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat compress``."""
    add_data(parser, "table to train and measure on")
    parser.add_argument("model", metavar="MODEL", help="model file of a float network (.safetensors)")
    parser.add_argument("--target", metavar="COLUMN", help="where it is not named as in training, or not known")
    parser.add_argument("--output", "-o", default="compressed", metavar="DIR", help="folder (default: compressed)")
    stages = parser.add_argument_group("stages, in the order given, at least one")
    _stage(stages, "--distill", widths, "64,32", "teach a student with hidden layers of these widths")
    _stage(stages, "--low-rank", number(0, 1, open_low=True), "SHARE", "two thin layers for one, keeping this energy")
    _stage(stages, "--prune-weights", number(0, 0.999), "SHARE", "set this share of the weights to zero")
    _stage(stages, "--threshold", number(0), "T", "set weights below T in absolute value to zero")
    _stage(stages, "--prune-neurons", number(0, 0.999), "SHARE", "remove this share of every hidden layer's neurons")
    _stage(
        stages,
        "--quantize",
        _mode,
        "MODE",
        "integers: static or dynamic ranges of activations, or aware: trained for it",
    )
    training = parser.add_argument_group("training after a stage")
    training.add_argument("--epochs", type=whole(0), default=10, metavar="N", help="default 10")
    training.add_argument(
        "--lr",
        type=number(0, open_low=True),
        default=1e-3,
        metavar="RATE",
        help="falls to 0 along a cosine (default 0.001)",
    )
    training.add_argument("--batch-size", type=whole(1), default=64, metavar="N", help="default 64")
    training.add_argument(
        "--temperature", type=number(0, open_low=True), default=4.0, metavar="T", help="of distillation (default 4)"
    )
    training.add_argument(
        "--alpha", type=number(0, 1), default=0.5, metavar="A", help="the teacher's share of the loss (default 0.5)"
    )
    training.add_argument(
        "--validation",
        type=number(0, 0.9, open_low=True),
        default=0.2,
        metavar="SHARE",
        help="of the rows, to measure on (default 0.2)",
    )
    training.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="N",
        help="the one of sprat train keeps the same rows from training (default 0)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - prints them instead of the table")
    parser.add_argument("--chart", metavar="FILE.png", help="draw accuracy against latency and size (matplotlib)")
    add_common(parser)
    with_examples(
        parser,
        "sprat compress flowers.csv model.safetensors --prune-weights 0.8 --prune-neurons 0.5 --quantize static",
        "sprat compress flowers.csv model.safetensors --distill 16 --quantize dynamic --epochs 30 --lr 0.01",
    )


class _Append(argparse.Action):
    """Keeps the stages of all options in one list, in their order."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        namespace.stages = [*(getattr(namespace, "stages", None) or []), (self.dest, values)]


def _stage(group: Any, option: str, type: Any, metavar: str, help: str) -> None:
    group.add_argument(option, action=_Append, type=type, metavar=metavar, help=help, default=argparse.SUPPRESS)


def _mode(text: str) -> str:
    if text not in ("static", "dynamic", "aware"):
        raise argparse.ArgumentTypeError(f"wanted static, dynamic or aware, got {text!r}")
    return text


def run(arguments: argparse.Namespace) -> None:
    """Compress, save and print the table."""
    from .. import compression, nn

    console = Console(arguments.quiet)
    named = getattr(arguments, "stages", None)
    if not named:
        raise ValueError("wanted at least one stage, such as --prune-neurons 0.5 or --quantize static")
    for option, path in (("--json", arguments.json), ("--chart", arguments.chart)):
        refuse_overwriting(option, path, arguments.data, arguments.model)
    model = load_model(arguments.model)
    if not isinstance(model, nn.MLP):
        raise TypeError(f"{arguments.model}: wanted a float model to compress, this is a {type(model).__name__}")
    stages = [_make(name, value, arguments, console) for name, value in named]
    rows = rows_for(model, arguments.data, arguments.target)
    train, held_out = rows.split(arguments.validation, arguments.seed)
    console.say(f"{model}; {len(train):,} rows to train on, {len(held_out):,} to measure on")
    with threads_of(arguments):
        report = compression.run_stages(
            model,
            stages,
            train=(train.x, train.y),
            validation=(held_out.x, held_out.y),
            folder=arguments.output,
            on_stage=console.say,
        )
    if arguments.json:
        write_json({"model": arguments.model, "seed": arguments.seed, "stages": report.rows()}, arguments.json)
    if arguments.json != "-":
        print(report, flush=True)
    if arguments.chart:
        compression.draw(report, arguments.chart, title=arguments.model)
    console.say(f"every stage is saved in {arguments.output}; the last one is {report[-1].path}")


def _make(name: str, value: Any, arguments: argparse.Namespace, console: Console) -> Any:
    from .. import compression as c

    training = c.Training(
        arguments.epochs, arguments.lr, arguments.batch_size, arguments.seed, progress=console.progress
    )
    if name == "distill":
        return c.Distill(tuple(value), arguments.temperature, arguments.alpha, seed=arguments.seed, training=training)
    if name == "low_rank":
        return c.LowRank(value, training)
    if name == "prune_weights":
        return c.PruneWeights(sparsity=value, training=training)
    if name == "threshold":
        return c.PruneWeights(threshold=value, training=training)
    if name == "prune_neurons":
        return c.PruneNeurons(value, training)
    return c.Quantize(value, training=training)
