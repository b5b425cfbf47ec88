"""Show version, instruction sets, threads, floating-point mode and CUDA devices."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import runtime


def add(parser: argparse.ArgumentParser) -> None:
    """The options of ``sprat info``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print what :func:`sprat.runtime.info` gives."""
    info = runtime.info()
    if arguments.json:
        print(json.dumps(info, indent=2))
        return
    mode = info["float_mode"]
    switched = [name.replace("_", " ") for name in ("flush_to_zero", "denormals_are_zero", "traps") if mode[name]]
    chosen = {name: " (in use)" if name == info["isa"] else "" for name in info["isas"]}
    rows = {
        "version": f"{info['version']} (C ABI {info['abi_version']})",
        "instruction sets": ", ".join(
            f"{n}{chosen[n]}" if ok else f"{n} (not on this CPU)" for n, ok in info["isas"].items()
        ),
        "threads": f"{info['num_threads']} (from {info['num_threads_source']}), {info['threading']}",
        "floating point": f"rounding {mode['rounding']}, {', '.join(switched) or 'denormals kept, no traps'}",
        "CUDA": _devices(info["cuda"]),
    }
    for name, value in rows.items():
        print(f"{name:<18}{value}")


def _devices(cuda: dict[str, Any]) -> str:
    if not cuda["built"]:
        return "not built"
    if cuda["problem"]:
        return f"built, no device: {cuda['problem'].removeprefix('CUDA: ')}"
    names = ", ".join(cuda["devices"])
    return f"emulated on this CPU, for tests ({names})" if cuda["emulated"] else names
