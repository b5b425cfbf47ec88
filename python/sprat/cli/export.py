"""Write a model as source text for devices: one C99 file and its header, or one C++17 header.

The text needs no library but string.h (and math.h where the processor multiplies and adds in one), and gives the bits of
sprat predict. -DMODEL_SELF_TEST compiles a test of it.
"""

from __future__ import annotations

import argparse

from ._console import refuse_overwriting, whole, with_examples

_SUFFIX = {"c": ".c", "cpp": ".hpp"}


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat export``."""
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument("--to", choices=tuple(_SUFFIX), default="c", help="language (default c)")
    parser.add_argument(
        "--output",
        "-o",
        metavar="FILE",
        help="the .c file, the header beside it, or the .hpp file (default: model.c, model.hpp)",
    )
    parser.add_argument("--name", metavar="NAME", help="begins every identifier (default: what the file's name says)")
    parser.add_argument("--tests", type=whole(0), default=8, metavar="N", help="rows of the self-test (default 8)")
    parser.add_argument("--quiet", "-q", action="store_true", help="say nothing but errors")
    with_examples(
        parser,
        "sprat export --to c model.safetensors -o model.c",
        "cc -O2 -DMODEL_SELF_TEST model.c -o model -lm && ./model",
        "sprat export --to cpp model.safetensors -o pump.hpp --name pump",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write what :func:`sprat.export.c` or :func:`sprat.export.cpp` makes, and say what it takes."""
    from .. import export

    output = f"model{_SUFFIX[arguments.to]}" if arguments.output is None else arguments.output
    refuse_overwriting("--output", output, arguments.model)
    write = export.c if arguments.to == "c" else export.cpp
    made = write(arguments.model, output, name=arguments.name, tests=arguments.tests)
    if not arguments.quiet:
        figures = f"{made.flash:,} bytes of constants, {made.ram:,} of memory, at most {made.stack:,} of stack"
        print(
            f"{output}: {made.name}_predict, {figures}"
            if arguments.to == "c"
            else f"{output}: {made.name}::predict, {figures}"
        )
