"""What tests/cpp/test_digests.cpp prints: a digest of the bits of each family of kernels, for each instruction set."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from sprat import config

ROOT = Path(__file__).parents[1]
FAMILIES = 30  # at least: optimizers, activations, losses, pruning, quantize, random numbers, networks, formats


@dataclass
class Digests:
    """One run: the instruction set that was chosen, those refused, and digests by instruction set and family."""

    isa: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    by_isa: dict[str, dict[str, str]] = field(default_factory=dict)


def run(command: list[str], **environment: str) -> Digests:
    """Run the program, by itself or in an emulator."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SPRAT_")}
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    found = Digests()
    for line in done.stdout.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "isa":
            found.isa = rest
        elif kind == "refused":
            name, _, why = rest.partition(": ")
            found.refused[name] = why
        elif kind == "digest":
            isa, family, digest = rest.split()
            found.by_isa.setdefault(isa, {})[family] = digest
    assert all(len(digests) >= FAMILIES for digests in found.by_isa.values())
    return found


@functools.cache
def program() -> str:
    """The program for this machine, compiled against the library of the installed package: it asks for nothing but the ABI."""
    folder = Path(tempfile.mkdtemp(prefix="sprat-digests-"))
    library = config.library()
    done = subprocess.run(
        ["g++", "-std=c++20", "-O1", f"-I{config.include_dir()}", f"-I{ROOT / 'tests' / 'cpp'}",
         str(ROOT / "tests" / "cpp" / "test_digests.cpp"), "-o", str(folder / "digests"),
         str(library), f"-Wl,-rpath,{library.parent}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(folder / "digests")


@functools.cache
def here() -> dict[str, str]:
    """The digests by family on this machine, the same for each of its instruction sets."""
    found = run([program()])
    (first, *others) = found.by_isa.values()
    assert all(other == first for other in others)
    return first
