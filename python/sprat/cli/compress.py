"""Find the smallest, fastest model that is still good enough, or apply the stages you name.

Without stages the strategist searches: it trains smaller networks on what the model says, finds a number format for each
layer, times all of them here, and writes the models and a report (text, JSON, HTML) to --output. Without MODEL it trains
one first. With stages these run in the order they are given, each but quantization followed by training on DATA.
"""

from __future__ import annotations

import argparse
from typing import Any

from . import _teacher
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
from ._tables import Rows, add_data, load_model, rows_for

_TIMES = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat compress``."""
    add_data(parser, "table to train and measure on")
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="model file of a float network (default: one is trained first)"
    )
    parser.add_argument("--target", metavar="COLUMN", help="where it is not named as in training, or not known")
    parser.add_argument("--output", "-o", default="compressed", metavar="DIR", help="folder (default: compressed)")
    goal = parser.add_argument_group("goal of the search")
    goal.add_argument(
        "--max-loss",
        metavar="POINTS",
        help="largest drop of accuracy or R²: 0.5%% or 0.005 (the default without a goal)",
    )
    goal.add_argument("--max-bytes", metavar="SIZE", help="of the model's file: 20000, 20KB")
    goal.add_argument("--max-latency", metavar="TIME", help="of one row: 5us")
    goal.add_argument(
        "--margin",
        type=number(0),
        default=1.645,
        metavar="N",
        help="standard errors of the drop to keep in reserve (default 1.645: sure to 95%%)",
    )
    goal.add_argument("--prefer", choices=("balance", "speed", "size"), default="balance", help="default: balance")
    goal.add_argument("--budget", type=_duration, default=300.0, metavar="TIME", help="90s, 10m, 1h (default 5m)")
    goal.add_argument("--resume", action="store_true", help="go on from what --output holds")
    goal.add_argument("--hidden", type=widths, default=[256, 128], metavar="256,128", help="of the model trained first")
    stages = parser.add_argument_group("stages instead of a search, in the order given")
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
    _stage(
        stages, "--pack", _format, "FORMAT", "float32, float16, bfloat16, int8 or int4; zeros left out where that pays"
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
    parser.add_argument(
        "--validation",
        type=number(0, 0.9, open_low=True),
        default=0.2,
        metavar="SHARE",
        help="of the rows, to measure on; a search chooses by one half of them and tests on the other (default 0.2)",
    )
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="N",
        help="the one of sprat train keeps the same rows from training (default 0)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - prints them instead of the table")
    parser.add_argument(
        "--chart", metavar="FILE.png", help="of stages: draw accuracy against latency and size (matplotlib)"
    )
    add_common(parser)
    with_examples(
        parser,
        "sprat compress flowers.csv model.safetensors --max-loss 0.5% --budget 10m --output small",
        "sprat compress houses.csv --target price --max-latency 1us --output small         # trains the model first",
        "sprat compress flowers.csv model.safetensors --prune-weights 0.8 --prune-neurons 0.5 --quantize static",
        "sprat compress flowers.csv model.safetensors --distill 16 --quantize dynamic --epochs 30 --lr 0.01",
    )


class _Append(argparse.Action):
    """Keeps the stages of all options in one list, in their order."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        namespace.stages = [*(getattr(namespace, "stages", None) or []), (self.dest, values)]


def _stage(group: Any, option: str, type: Any, metavar: str, help: str) -> None:
    group.add_argument(option, action=_Append, type=type, metavar=metavar, help=help, default=argparse.SUPPRESS)


def _format(text: str) -> str:
    from ..packing import FORMATS

    if text not in FORMATS:
        raise argparse.ArgumentTypeError(f"wanted one of {', '.join(FORMATS)}, got {text!r}")
    return text


def _mode(text: str) -> str:
    if text not in ("static", "dynamic", "aware"):
        raise argparse.ArgumentTypeError(f"wanted static, dynamic or aware, got {text!r}")
    return text


def _duration(text: str) -> float:
    from ..compression.strategist.goal import quantity

    try:
        seconds = quantity("--budget", text, _TIMES)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0.5 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"wanted at least half a second, got {text}")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Compress, save and print the table."""
    console = Console(arguments.quiet)
    for option, path in (("--json", arguments.json), ("--chart", arguments.chart)):
        refuse_overwriting(option, path, arguments.data, *([arguments.model] if arguments.model else []))
    named = getattr(arguments, "stages", None)
    if named:
        return _run_stages(arguments, named, console)
    if arguments.chart:
        raise ValueError("--chart: a search draws its plots itself, into report.html of --output")
    return _search(arguments, console)


def _search(arguments: argparse.Namespace, console: Console) -> int:
    """Let the strategist choose."""
    from .. import compression

    compression.Goal.of(arguments.max_loss, arguments.max_bytes, arguments.max_latency)  # before anything is trained
    with threads_of(arguments):
        is_given = arguments.model is not None
        model, train, held_out = _given(arguments) if is_given else _teacher.train(arguments, console)
        console.say(f"{model}; {len(train):,} rows to learn from, {len(held_out):,} to choose by and to test on")
        found = compression.compress(
            model,
            (train.x, train.y),
            (held_out.x, held_out.y),
            test="half",
            max_loss=arguments.max_loss,
            max_bytes=arguments.max_bytes,
            max_latency=arguments.max_latency,
            margin=arguments.margin,
            prefer=arguments.prefer,
            seconds=max(1.0, arguments.budget - console.seconds),
            seed=arguments.seed,
            folder=arguments.output,
            resume=arguments.resume,
            progress=console.progress,
            on_event=None if console.has_bar else console.say,
        )
    if arguments.json:
        write_json(found.config(), arguments.json)
    if arguments.json != "-":
        print(found, flush=True)
    console.say(f"{arguments.output}/chosen.safetensors is the model, {arguments.output}/report.html shows why")
    if found.stopped_by == "interrupt":
        console.note("sprat: interrupted; this is the best so far, go on with --resume")
        return 130
    if not found.reached:
        console.note(f"sprat compress: {found.why()}")
    return 0 if found.reached else 1


def _given(arguments: argparse.Namespace) -> tuple[Any, Rows, Rows]:
    """The model of a file, and the rows of the table."""
    model = _float_model(arguments.model)
    rows = rows_for(model, arguments.data, arguments.target)
    return model, *rows.split(arguments.validation, arguments.seed)


def _float_model(path: str) -> Any:
    from .. import nn

    model = load_model(path)
    if not isinstance(model, nn.MLP):
        raise TypeError(f"{path}: wanted a float model to compress, this is a {type(model).__name__}")
    return model


def _run_stages(arguments: argparse.Namespace, named: list[tuple[str, Any]], console: Console) -> int:
    """Apply the stages that were named."""
    from .. import compression

    if arguments.model is None:
        raise ValueError("MODEL: stages want the file of a float network; without stages one is trained first")
    model = _float_model(arguments.model)
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
    return 0


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
    if name == "pack":
        return c.Pack(value)
    return c.Quantize(value, training=training)
