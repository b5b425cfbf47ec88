"""What commands share: where words go, arguments that several have, JSON."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any


class Console:
    """Says on stderr how a command gets on; stdout is for results. ``quiet`` says nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._start = time.perf_counter()

    def say(self, text: str) -> None:
        """One line, with the seconds since the command began."""
        if not self.quiet:
            print(f"[{time.perf_counter() - self._start:5.1f} s] {text}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """One line without the time."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    @property
    def seconds(self) -> float:
        """Since the command began."""
        return time.perf_counter() - self._start

    @property
    def progress(self) -> bool | str:
        """What ``sprat.fit`` should show."""
        return False if self.quiet else "auto"

    @property
    def has_bar(self) -> bool:
        """Whether ``sprat.fit`` will show a bar: then lines about epochs would only disturb it."""
        installed = any(find_spec(name) is not None for name in ("rich", "tqdm"))
        return not self.quiet and sys.stderr.isatty() and installed


def add_common(parser: argparse.ArgumentParser) -> None:
    """--quiet and --threads."""
    parser.add_argument("--quiet", "-q", action="store_true", help="say nothing on stderr but errors")
    parser.add_argument(
        "--threads", type=whole(1), metavar="N", help="threads to compute with (default: see sprat info)"
    )


@contextlib.contextmanager
def threads_of(arguments: argparse.Namespace) -> Iterator[None]:
    """Compute with --threads inside the ``with`` block."""
    from .. import runtime

    with runtime.threads(arguments.threads) if arguments.threads else contextlib.nullcontext():
        yield


def refuse_overwriting(option: str, output: str | None, *inputs: str) -> None:
    """ValueError when a file to write is one that the command reads."""
    for path in inputs:
        if output and os.path.exists(output) and os.path.exists(path) and os.path.samefile(output, path):
            raise ValueError(f"{option}: {output} would be written over {path}, which is read")


def with_examples(parser: argparse.ArgumentParser, *lines: str) -> None:
    """Examples at the end of --help."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "examples:\n" + "\n".join(f"  {line}" for line in lines)


def whole(low: int) -> Any:
    """An argparse type: an integer of at least ``low``.

    >>> whole(1)("3")
    3
    """

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"wanted a whole number, got {text!r}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"wanted at least {low}, got {value}")
        return value

    return convert


def number(low: float, high: float = math.inf, *, open_low: bool = False) -> Any:
    """An argparse type: a finite number between bounds.

    >>> number(0, 1)("0.5")
    0.5
    """

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"wanted a number, got {text!r}") from None
        if not math.isfinite(value) or not low <= value <= high or (open_low and value == low):
            bounds = f"{'above' if open_low else 'at least'} {low:g}" + (
                f", at most {high:g}" if high < math.inf else ""
            )
            raise argparse.ArgumentTypeError(f"wanted {bounds}, got {text}")
        return value

    return convert


def widths(text: str) -> list[int]:
    """An argparse type: widths of hidden layers, "64,32"; "none" or "" for no hidden layer.

    >>> widths("64,32"), widths("none")
    ([64, 32], [])
    """
    if text.strip() in ("", "none", "0"):
        return []
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted widths such as 64,32, got {text!r}") from None
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"wanted widths of at least 1, got {text!r}")
    return values


def write_json(value: Any, target: str) -> None:
    """JSON to a file, or to stdout for "-"; NaN becomes null."""
    text = json.dumps(_finite(value), indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
