"""Show where the time of a prediction goes: time, bytes, limit of the machine and kernel of each layer.

Measured on one thread, with normal numbers as inputs.
"""

from __future__ import annotations

import argparse

from ._console import whole, with_examples, write_json


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat explain``."""
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument("--rows", type=whole(1), default=1, metavar="N", help="rows of a call (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    with_examples(parser, "sprat explain model.safetensors", "sprat explain model.safetensors --rows 1024 --json")


def run(arguments: argparse.Namespace) -> None:
    """Print what :func:`sprat.explain` finds."""
    from dataclasses import asdict

    import numpy as np

    from .. import inference, io

    model = io.load(arguments.model)
    batch = np.random.default_rng(0).standard_normal((arguments.rows, model.in_features))
    found = inference.explain(model, batch)
    if arguments.json:
        write_json(asdict(found), "-")
    else:
        print(found)
