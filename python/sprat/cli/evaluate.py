"""Measure a model file on a table with known targets.

Classification gives accuracy and loss, regression R², rmse and mae in the target's units, and loss.
"""

from __future__ import annotations

import argparse

from ._console import add_common, threads_of, with_examples, write_json
from ._tables import add_data, load_model, rows_for, score_line


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat evaluate``."""
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    add_data(parser, "table with the target's column")
    parser.add_argument("--target", metavar="COLUMN", help="where it is not named as in training, or not known")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_common(parser)
    with_examples(
        parser, "sprat evaluate model.safetensors test.csv", "sprat evaluate int8.safetensors test.csv --json"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the scores."""
    from .. import training

    model = load_model(arguments.model)
    rows = rows_for(model, arguments.data, arguments.target)
    with threads_of(arguments):
        scores = training.evaluate(model, rows.x, rows.y)
    if arguments.json:
        write_json({"model": arguments.model, "data": arguments.data, "rows": len(rows), **scores}, "-")
    else:
        print(f"{score_line(scores)} on {len(rows):,} rows")
