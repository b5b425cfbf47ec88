"""Predict the rows of a table, from a file or stdin to a file or stdout.

The table is read, predicted and written in blocks, so it may be larger than memory, and a pipe gets answers as it gives
rows. The result has a column "prediction": class names, or values in the target's units; with --proba a column for each
class instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._console import add_common, refuse_overwriting, threads_of, whole, with_examples
from ._tables import matrix


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat predict``."""
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        default="-",
        help="table: .csv, .parquet or .npz; - is CSV from stdin (default)",
    )
    parser.add_argument(
        "--output",
        "-o",
        default="-",
        metavar="FILE",
        help="table: .csv, .parquet or .npz; - is CSV to stdout (default)",
    )
    parser.add_argument("--proba", action="store_true", help="probabilities of the classes")
    parser.add_argument("--keep", metavar="A,B,...", help="columns of DATA to write in front of the prediction")
    parser.add_argument("--block-rows", type=whole(1), default=8192, metavar="N", help="rows at a time (default 8192)")
    add_common(parser)
    with_examples(
        parser,
        "sprat predict model.safetensors new.csv --keep id > answers.csv",
        "zcat huge.csv.gz | sprat predict model.safetensors --proba | gzip > answers.csv.gz",
        "sprat predict model.safetensors new.parquet --output answers.parquet",
    )


def run(arguments: argparse.Namespace) -> None:
    """Predict and write."""
    from .. import tabular
    from ..inference import Predictor

    refuse_overwriting("--output", arguments.output, arguments.data, arguments.model)
    predictor = Predictor(arguments.model)
    if predictor.loss_name is None:
        raise ValueError(f"{arguments.model}: the model was not trained, it is not known what its outputs mean")
    if arguments.proba and predictor.loss_name not in ("cross_entropy", "bce_with_logits"):
        raise ValueError(f"--proba: the model predicts values (it was trained with {predictor.loss_name}), not classes")
    keep = [name.strip() for name in (arguments.keep or "").split(",") if name.strip()]
    with threads_of(arguments):
        answers = (_answer(predictor, block, keep, arguments) for block in _blocks(predictor, keep, arguments))
        tabular.write_blocks(sys.stdout if arguments.output == "-" else arguments.output, answers)


def _blocks(predictor: Any, keep: list[str], arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The columns the model needs, and those to keep, a block of rows at a time."""
    from .. import tabular

    source: Any = sys.stdin if arguments.data == "-" else arguments.data
    if predictor.encoder is None:
        # Without an encoder the model takes all columns in their order; only the table itself can say which these are.
        table = tabular.read_table(source)
        rows = len(next(iter(table.values()))) if table else 0
        for start in range(0, rows, arguments.block_rows):
            yield {name: values[start : start + arguments.block_rows] for name, values in table.items()}
        return
    # A kept column that the model does not read stays as it is written: text.
    columns = {**dict.fromkeys(keep, "text"), **predictor.encoder.column_kinds}
    yield from tabular.read_blocks(source, columns, arguments.block_rows)


def _answer(predictor: Any, block: dict[str, Any], keep: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    kept = {name: block[name] for name in keep}
    if predictor.encoder is not None:
        inputs = predictor.encoder.transform(block)
    else:
        inputs = matrix(predictor, {n: v for n, v in block.items() if n not in keep}, arguments.data)
    if not arguments.proba:
        prediction = np.asarray(predictor.predict(inputs))
        if prediction.ndim == 1:
            return {**kept, "prediction": prediction}
        return {**kept, **{f"prediction_{i}": prediction[:, i] for i in range(prediction.shape[1])}}
    probabilities = predictor.predict_proba(inputs)
    names = predictor.class_names or range(probabilities.shape[1])
    return {**kept, **{f"p_{name}": probabilities[:, i] for i, name in enumerate(names)}}
