"""Show what a model file holds: layers, size, sparsity, columns of its table. No weight is read."""

from __future__ import annotations

import argparse
from typing import Any

from ._console import with_examples, write_json


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat inspect``."""
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    with_examples(parser, "sprat inspect model.safetensors", "sprat inspect model.safetensors --json")


def run(arguments: argparse.Namespace) -> None:
    """Print what :func:`sprat.io.describe` gives."""
    from .. import io

    described = io.describe(arguments.model)
    if arguments.json:
        write_json(described, "-")
        return
    print(f"{described['path']}: {described['kind']}, format {described['version']}, {described['bytes']:,} bytes")
    how = "held at zero by masks" if described["kind"] == "mlp" else "zero"
    sparse = f", {described['sparsity']:.0%} {how}" if described["sparsity"] else ""
    print(f"{described['parameters']:,} parameters{sparse}")
    for index, layer in enumerate(described["layers"]):
        print(f"  layer {index}: {_layer(layer)}")
    for line in _head(described["config"]):
        print(line)


def _layer(layer: dict[str, Any]) -> str:
    from ..packing.formats import INTEGERS

    parts = [f"{layer['in_features']} -> {layer['out_features']}, {layer['activation']}"]
    if not layer.get("bias", True):
        parts.append("no bias")
    if layer.get("dropout"):
        parts.append(f"dropout {layer['dropout']:g}")
    if "weights" in layer:
        parts.append(f"{layer['weights']} weights")
        if layer.get("zeros", "dense") != "dense":
            parts.append(f"zeros left out ({layer['zeros']})")
        if layer.get("products", "float32") != "float32":
            parts.append(f"{layer['products']} products")
        if layer["weights"] in INTEGERS:
            scale = layer["input_scale"]
            parts.append("inputs quantized row by row" if scale is None else f"inputs in steps of {scale:.3g}")
    return ", ".join(parts)


def _head(config: dict[str, Any]) -> list[str]:
    """Loss and table."""
    lines = []
    if config.get("loss"):
        lines.append(f"trained with {config['loss']}")
    encoder = config.get("encoder")
    if encoder:
        columns = ", ".join(f"{column['name']} ({column['kind']})" for column in encoder["columns"])
        lines.append(f"columns: {columns}")
        target = encoder.get("target")
        if target:
            classes = target.get("classes")
            named = f" {target['name']!r}" if target.get("name") else ""
            lines.append(
                f"target{named}: {target['task']}" + (f" of {', '.join(map(str, classes))}" if classes else "")
            )
    return lines
