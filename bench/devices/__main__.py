"""python -m bench.devices: flash, RAM, stack and instructions of exported networks on emulated Cortex-M cores.

Beside loops written by hand and emlearn, where it is installed. All by arm-none-eabi-gcc -O2, one call of one row. Nothing is
timed: instructions are counted by the emulator, so figures are the same on every machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import sprat
from sprat.export.plan import layers_of

from . import by_hand

HERE = Path(__file__).parent
BOARD = HERE.parents[1] / "tests" / "export" / "cortex_m"
CORES = {
    "Cortex-M4F": ("mps2-an386", ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]),
    "Cortex-M3": ("mps2-an385", ["-mcpu=cortex-m3"]),
}
NETWORKS = ([10, 16, 1], [64, 64, 64, 10], [784, 128, 10])


def subjects(sizes: list[int]) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Name, C text that defines `void run(const float *x, float *y)`, options for it, cores it is meant for."""
    model = sprat.nn.MLP(sizes, seed=0)
    x = np.random.default_rng(0).standard_normal((200, sizes[0])).astype(np.float32)
    int8 = sprat.quantization.quantize_model(model, calibration=x)
    sparse = sprat.nn.MLP(sizes, seed=0)
    sprat.prune.magnitude(sparse, 0.9)
    every, soft = list(CORES), ["Cortex-M3"]
    call = "static model_memory memory;\nvoid run(const float *x, float *y) { model_predict(&memory, x, y); }\n"
    own = {
        "sprat float32": (model, [], every),
        "sprat float32, rounded twice": (model, ["-DMODEL_FMA=2"], soft),
        "sprat float32, 90 % zeros": (sprat.pack(sparse, zeros="unstructured", plan="as asked"), [], every),
        "sprat int8": (int8, [], every),
        "sprat int8, plain C": (int8, ["-DMODEL_PLAIN_C"], ["Cortex-M4F"]),
        "sprat int4": (sprat.pack(model, "int4", calibration=x, plan="as asked"), [], every),
    }
    for name, (network, options, cores) in own.items():
        files = sprat.export.c(network, tests=0).files
        text = files["model.c"].replace('#include "model.h"', files["model.h"])
        yield name, text + call, options, cores
    hand = "void run(const float *x, float *y) { predict(x, y); }\n"
    yield "by hand, float32", by_hand.float_text(layers_of(model)) + hand, [], every
    yield "by hand, int8", by_hand.int8_text(layers_of(int8)) + hand, [], every
    theirs = emlearn_text(model)
    if theirs is not None:
        include = Path(str(importlib.util.find_spec("emlearn").origin)).parent  # type: ignore[union-attr]
        yield "emlearn, float32", theirs, ["-I", str(include)], every


def emlearn_text(model: sprat.nn.MLP) -> str | None:
    """Its own generator, in the form that gives the raw outputs."""
    if importlib.util.find_spec("emlearn") is None:
        return None
    generate = importlib.import_module("emlearn.net").c_generate_net_loadable

    parameters = model.parameters()
    layers = range(len(model.layers))
    code: str = generate(
        [spec.activation for spec in model.layers],
        [parameters[f"layers.{i}.weight"].T for i in layers],
        [parameters[f"layers.{i}.bias"] for i in layers],
        "net",
    )
    sizes = f"{model.in_features}, y, {model.out_features}"
    return f"{code}\nvoid run(const float *x, float *y) {{ net_regress(x, {sizes}); }}\n"


def measured(
    text: str, inputs: int, outputs: int, core: str, options: list[str], folder: Path
) -> tuple[int, int, int, int]:
    """Flash and RAM beside those of an empty call, stack, instructions."""
    board, cpu = CORES[core]
    x = np.random.default_rng(1).standard_normal(inputs).astype(np.float32)
    numbers = ", ".join(f"{value:.9g}f" for value in x)
    rows = f"float x[{inputs}] = {{{numbers}}};\nfloat y[{outputs}];\nvoid run(const float *, float *);\n"
    (folder / "subject.c").write_text(f"{rows}void subject(void) {{ run(x, y); }}\n")
    (folder / "run.c").write_text(text)
    (folder / "empty.c").write_text("void run(const float *x, float *y) { y[0] = x[0]; }\n")
    calls = 20 if inputs * outputs > 5000 else 200
    common = [
        "arm-none-eabi-gcc",
        "-mthumb",
        *cpu,
        "-O2",
        f"-DCALLS={calls}",
        "-ffunction-sections",
        "-Wl,--gc-sections",
    ]
    common += ["-nostartfiles", "-specs=nosys.specs", "-T", str(BOARD / "board.ld"), "-Wl,--defsym=flash=0"]
    common += [
        "-Wl,--defsym=ram=0x20000000",
        str(BOARD / "startup.c"),
        str(HERE / "measure.c"),
        str(folder / "subject.c"),
    ]
    sizes = []
    for source in ("run.c", "empty.c"):
        program = folder / f"{source}.elf"
        extra = options if source == "run.c" else []
        subprocess.run(
            [*common, *extra, str(folder / source), "-o", str(program), "-lm"], check=True, capture_output=True
        )
        line = subprocess.run(["arm-none-eabi-size", str(program)], check=True, capture_output=True, text=True)
        code, data, bss = map(int, line.stdout.splitlines()[1].split()[:3])
        sizes.append((code + data, data + bss))
    emulator = ["qemu-system-arm", "-M", board, "-nographic", "-icount", "shift=0"]
    emulator += ["-semihosting-config", "enable=on,target=native", "-kernel", str(folder / "run.c.elf")]
    done = subprocess.run(emulator, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=120)
    instructions, stack = map(int, (done.stdout + done.stderr).split()[:2])
    return sizes[0][0] - sizes[1][0], sizes[0][1] - sizes[1][1], stack, instructions


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.devices", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only networks whose sizes begin so, e.g. 10-16")
    wanted = parser.parse_args(argv).only
    if importlib.util.find_spec("emlearn") is None:
        print("emlearn is not installed: left out", file=sys.stderr)
    for sizes in NETWORKS:
        name = "-".join(map(str, sizes))
        if not name.startswith(wanted):
            continue
        products = sum(a * b for a, b in itertools.pairwise(sizes))
        print(f"\n{name}, relu: {products:,} products\n")
        print("| | core | flash | RAM | stack | instructions | for a product |\n|---|---|---|---|---|---|---|")
        for core in CORES:
            for subject, text, options, cores in subjects(sizes):
                if core not in cores:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    flash, ram, stack, count = measured(text, sizes[0], sizes[-1], core, options, Path(folder))
                share = f"{count / products:.2f}"
                print(f"| {subject} | {core} | {flash:,} | {ram:,} | {stack:,} | {count:,} | {share} |", flush=True)


if __name__ == "__main__":
    main()
