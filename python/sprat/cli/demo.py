"""Train, distil, prune, quantize and serve a network on handwritten digits, and show what each stage costs and gains.

A teacher is trained; a small student is trained alone and with the teacher's help; the teacher's small weights and least
important neurons are removed, with training after each; the results are quantized to integers. Every stage is saved and
measured: accuracy on rows that were not trained on, size, and time through sprat.Predictor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.util import find_spec

from ._console import Console, add_common, threads_of, whole, with_examples, write_json


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat demo``."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder of IDX files, e.g. Fashion-MNIST's (default: scikit-learn's digits)",
    )
    parser.add_argument("--output", metavar="DIR", help="where to save the stages (default: a new temporary folder)")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - prints them instead of the table")
    parser.add_argument("--chart", metavar="FILE.png", help="draw accuracy against latency and size (matplotlib)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of weights and splits (default 0)")
    parser.add_argument("--quick", action="store_true", help="a quarter of the epochs, rougher clocks")
    add_common(parser)
    with_examples(
        parser,
        "sprat demo",
        "sprat demo --data /usr/share/datasets/fashion-mnist --chart demo.png --json demo.json",
        "sprat demo --quick --json -",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the demo and print its table."""
    from .. import demo

    console = Console(arguments.quiet)
    if arguments.chart and find_spec("matplotlib") is None:
        console.note("no chart: matplotlib is not installed; pip install 'sprat[plot]'")
        arguments.chart = None
    data = demo.load(arguments.data, seed=arguments.seed)
    plan = demo.Plan.choose(data, seed=arguments.seed, quick=arguments.quick, progress=console.progress)
    console.say(
        f"{data.name}: {len(data.train[0]):,} rows to train on, {len(data.test[0]):,} to test on, "
        f"{data.features} pixels, {data.classes} classes"
    )
    folder = arguments.output or tempfile.mkdtemp(prefix="sprat-demo-")
    with threads_of(arguments):
        report = demo.run(
            data,
            plan,
            seed=arguments.seed,
            folder=folder,
            seconds=0.05 if arguments.quick else 0.4,
            on_stage=console.say,
        )
        _show(arguments, console, data.name, folder, report)


def _show(arguments: argparse.Namespace, console: Console, name: str, folder: str, report: object) -> None:
    from .. import __version__, compression, runtime

    assert isinstance(report, compression.Report)
    if arguments.json:
        figures = {
            "data": name,
            "seed": arguments.seed,
            "quick": arguments.quick,
            "version": __version__,
            "isa": runtime.isa(),
            "threads": runtime.num_threads(),
            "seconds": round(console.seconds, 3),
            "folder": folder,
            "stages": report.rows(),
        }
        write_json(figures, arguments.json)
    if arguments.json != "-":
        print(report, flush=True)
    if arguments.chart:
        compression.draw(report, arguments.chart, title=f"sprat on {name}")
        console.say(f"chart: {arguments.chart}")
    console.say(f"every stage is saved in {folder}")
    sys.stdout.flush()
