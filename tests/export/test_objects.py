"""What compiled files hold and ask for: no variable that changes, no heap, nothing of a library but string.h and math.h."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from export.programs import STRICT, compile_, names_in
from tools import need

# Besides the compiler's own arithmetic.
ALLOWED = {"memcpy", "memset", "memmove", "fmaf"}


@pytest.mark.parametrize(
    ("prefix", "options", "own"),
    [
        ("", ["-O2", "-fno-stack-protector"], ()),
        ("", ["-O1", "-march=x86-64-v3", "-fno-stack-protector"], ()),
        ("arm-none-eabi-", ["-Os", "-mthumb", "-mcpu=cortex-m3"], ("__aeabi_",)),
        (
            "arm-none-eabi-",
            ["-O2", "-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
            ("__aeabi_",),
        ),
    ],
    ids=["x86", "fma", "cortex-m3", "cortex-m4"],
)
def test_nothing_but_code_and_constants(
    exported: Path, tmp_path: Path, prefix: str, options: list[str], own: tuple[str, ...]
) -> None:
    need(f"{prefix}gcc", "nm")
    names = names_in(exported)
    (tmp_path / "all.c").write_text("".join(f'#include "{name}.c"\n' for name in names))
    compile_([f"{prefix}gcc", "-std=c99", *options, *STRICT, "-I", exported, "-c", "all.c"], tmp_path)
    done = subprocess.run([f"{prefix}nm", tmp_path / "all.o"], capture_output=True, text=True, check=True)
    symbols = [line.split()[-2:] for line in done.stdout.splitlines()]
    kinds = {kind for kind, _ in symbols}
    assert kinds <= set("tTrRUnN$") | {"t", "r"}, kinds  # no data (d, D), no bss (b, B), no common (C)
    asked = {name for kind, name in symbols if kind == "U"} - {"_GLOBAL_OFFSET_TABLE_"}
    assert {name for name in asked if not name.startswith(own or ("?",))} <= ALLOWED
    assert {name for kind, name in symbols if kind == "T"} == {f"{name}_predict" for name in names}


def test_one_header_in_two_files_of_a_program(exported: Path, tmp_path: Path) -> None:
    """The C++ header defines nothing twice; the C header serves C++ too."""
    need("g++")
    (tmp_path / "one.cpp").write_text(
        '#include "mixed.hpp"\n#include "mixed_relu.hpp"\n#include "mixed.h"\n'
        "bool other(const std::array<float, mixed::inputs>& x, std::array<float, mixed::outputs> y);\n"
        "int main() {\n  std::array<float, mixed::inputs> x{};\n  x[3] = 1.5f;\n"
        "  static mixed_memory memory;\n  std::array<float, mixed::outputs> y;\n"
        "  mixed_predict(&memory, x.data(), y.data());\n"
        "  return mixed::predict(x) == y && other(x, y) && mixed_relu::inputs == 20 ? 0 : 1;\n}\n"
    )
    (tmp_path / "two.cpp").write_text(
        '#include "mixed.hpp"\n'
        "bool other(const std::array<float, mixed::inputs>& x, std::array<float, mixed::outputs> y);\n"
        "bool other(const std::array<float, mixed::inputs>& x, std::array<float, mixed::outputs> y) {\n"
        "  return mixed::predict(x) == y;\n}\n"
    )
    compile_(["gcc", "-std=c99", *STRICT, "-I", exported, "-c", exported / "mixed.c", "-o", "mixed.o"], tmp_path)
    command = ["g++", "-std=c++17", *STRICT, "-I", exported, "one.cpp", "two.cpp", "mixed.o", "-o", "program", "-lm"]
    compile_(command, tmp_path)
    assert subprocess.run([tmp_path / "program"]).returncode == 0
