"""Parse the command line, run one command, turn its errors into one line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .. import __version__

# In the order of --help.
COMMANDS = ("info", "demo", "train", "compress", "evaluate", "predict", "inspect", "explain", "export", "bench")


def parser() -> argparse.ArgumentParser:
    """The whole command line; a command's own options come from its module."""
    top = argparse.ArgumentParser(
        prog="sprat",
        description="Train, distil, prune, quantize and serve small neural networks at native CPU speed.",
    )
    top.add_argument("--version", action="version", version=f"sprat {__version__}")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f".{name}", __package__)
        summary = (module.__doc__ or "").strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add(command)
        command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    >>> from sprat.cli import main
    >>> main(["info", "--json"])  # doctest: +ELLIPSIS
    {...
    0
    """
    _open_missing_streams()
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except KeyboardInterrupt:
        print("sprat: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; leave quietly, and keep the interpreter from flushing into the void.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, TypeError, ImportError, MemoryError, ArithmeticError) as error:
        if arguments.debug:
            raise
        print(f"sprat {arguments.command}: {_one_line(error)}", file=sys.stderr)
        return 1


def _open_missing_streams() -> None:
    """A stream that was closed before we began is None, and a file of ours would be given its number: put nothing there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - lives as long as we do


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
