"""What the linker sees: no kernel can replace that of another instruction set, and one door leads out."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from sprat import runtime


def library() -> Path:
    from sprat import _core

    return Path(_core.__file__).parent / "lib" / "libsprat.so.1"


def nm(*arguments: str) -> list[str]:
    if shutil.which("nm") is None:
        pytest.skip("binutils is not installed")
    done = subprocess.run(["nm", *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_library_exports_the_c_abi_and_nothing_else() -> None:
    exported = [line.split()[-1] for line in nm("-D", "--defined-only", str(library()))]
    assert exported
    assert [name for name in exported if not name.startswith("sprat_")] == []


def test_every_declared_function_is_exported() -> None:
    header = Path(str(files("sprat"))) / "include" / "sprat" / "sprat.h"
    if not header.exists():
        header = library().parent.parent / "include" / "sprat" / "sprat.h"
    declared = set(re.findall(r"SPRAT_API[^;(]*?\b(sprat_\w+)\(", header.read_text()))
    exported = {line.split()[-1] for line in nm("-D", "--defined-only", str(library()))}
    assert declared == exported


@pytest.mark.parametrize("isa", list(runtime.isas()))
def test_no_weak_symbols_in_kernel_objects(isa: str) -> None:
    """A weak symbol (template, inline function) built for AVX-512 could be linked into code for old CPUs."""
    root = Path(__file__).parents[2]
    objects = sorted(root.glob(f"build/*/cpp/CMakeFiles/sprat_kernels_{isa}.dir/kernels/*.o"))
    if not objects:
        pytest.skip("no build folder: install with `pip install -e .` or run cmake --preset dev")
    weak = [line for obj in objects for line in nm(str(obj)) if re.search(r" [WVu] ", line)]
    assert weak == []
