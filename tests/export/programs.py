"""Compiles generated files, many in one program, and runs it."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
CORTEX_M = Path(__file__).parent / "cortex_m"


def names_in(folder: Path, suffix: str = ".c") -> list[str]:
    """Of all generated files of a folder."""
    return sorted(
        path.stem for path in folder.glob(f"*{suffix}") if (folder / f"{path.stem}.h").exists() or suffix != ".c"
    )


def compile_(command: Sequence[str | Path], cwd: Path) -> None:
    """Runs a compiler, which must say nothing."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr[:4000]}"
    assert done.stderr == ""


def main_of(names: Sequence[str], suffix: str, say: str) -> str:
    """A program that runs the self-test of every name, and says which fail."""
    call = "{0}_self_test" if suffix == ".c" else "{0}::self_test"
    lines = [f"#define {name.upper()}_SELF_TEST 2" for name in names]
    lines += [f'#include "{name}{suffix}"' for name in names]
    lines += [say, "int main(void) {", "  int wrong = 0;"]
    for name in names:
        lines.append(f'  if ({call.format(name)}() != 0) {{\n    wrong = 1;\n    say("{name} ");\n  }}')
    return "\n".join([*lines, f'  if (!wrong) say("{len(names)} models agree");', "  return wrong;", "}", ""])


def run_all(
    folder: Path,
    build: Path,
    names: Sequence[str],
    compiler: Sequence[str | Path],
    runner: Sequence[str],
    suffix: str = ".c",
) -> str:
    """Compiles the self-tests of all names as one program, runs it, gives what it said."""
    source = build / f"all{'.c' if suffix == '.c' else '.cpp'}"
    say = "#include <stdio.h>\nstatic void say(const char *text) { fputs(text, stdout); }"
    source.write_text(main_of(names, suffix, say))
    program = build / "program"
    compile_([*compiler, *STRICT, "-I", folder, source, "-o", program, "-lm"], build)
    done = subprocess.run([*runner, str(program)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_on_board(
    folder: Path, build: Path, names: Sequence[str], cpu: Sequence[str], board: str, options: Sequence[str]
) -> str:
    """The same on a board without an operating system."""
    source = build / "all.c"
    source.write_text(main_of(names, ".c", "extern void say(const char *text);"))
    flash, ram = ("0x10000000", "0x38000000") if board == "mps2-an505" else ("0", "0x20000000")
    link = ["-nostartfiles", "-specs=nosys.specs", "-T", CORTEX_M / "board.ld"]
    link += [f"-Wl,--defsym=flash={flash}", f"-Wl,--defsym=ram={ram}"]
    command = ["arm-none-eabi-gcc", "-std=c99", "-mthumb", *cpu, *options, "-I", folder]
    compile_([*command, *STRICT, "-c", source, "-o", build / "all.o"], build)
    compile_([*command, *link, CORTEX_M / "startup.c", build / "all.o", "-o", build / "all.elf"], build)
    return emulate(build / "all.elf", board)


def emulate(program: Path, board: str, *options: str) -> str:
    """What a program said on an emulated board, if it ended with 0."""
    semihosting = ["-nographic", "-semihosting-config", "enable=on,target=native"]
    command = ["qemu-system-arm", "-M", board, *semihosting, *options, "-kernel", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Library:
    """Generated C in this process: each name's function by NumPy rows."""

    def __init__(
        self, folder: Path, build: Path, names: Sequence[str], options: Sequence[str], extra: str = ""
    ) -> None:
        source = build / "library.c"
        lines = [f'#include "{name}.c"' for name in names]
        for name in names:
            n = name.upper()
            lines.append(
                f"void {name}_rows(const float *x, uint32_t rows, float *y) {{\n  {name}_memory memory;\n"
                f"  for (; rows != 0; --rows, x += {n}_INPUTS, y += {n}_OUTPUTS) {name}_predict(&memory, x, y);\n}}"
            )
        source.write_text("\n".join([*lines, extra]))
        target = build / "library.so"
        compile_(["gcc", "-std=c99", "-fPIC", "-shared", *options, "-I", folder, source, "-o", target, "-lm"], build)
        self.native = ctypes.CDLL(str(target))

    def predict(self, name: str, x: np.ndarray, outputs: int) -> np.ndarray:
        """Answers to rows."""
        y = np.empty((len(x), outputs), np.float32)
        self.call(f"{name}_rows", x, y)
        return y

    def call(self, function: str, x: np.ndarray, y: np.ndarray) -> None:
        """A function of (x, rows, y)."""
        getattr(self.native, function)(
            x.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint32(len(x)), y.ctypes.data_as(ctypes.c_void_p)
        )
