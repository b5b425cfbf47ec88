"""Generated self-tests of all models, compiled and run for every kind of machine: answers have the library's bits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from export.programs import names_in, run_all, run_on_board
from sprat import runtime
from sprat.nn.model import Model
from tools import need

FUSED = ["-march=x86-64-v3"]


def agree(said: str, names: list[str]) -> bool:
    return said.strip().endswith(f"{len(names)} models agree")


@pytest.mark.parametrize(
    ("compiler", "options"),
    [
        ("gcc", ["-std=c99", "-O2"]),  # a * b + c in software
        ("gcc", ["-std=gnu99", "-O3", *FUSED]),  # where gcc would fuse what it can
        ("gcc", ["-std=c99", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover"]),
        ("clang", ["-std=c99", "-O3"]),
        ("clang", ["-std=c99", "-O2", *FUSED]),
    ],
    ids=lambda value: value if isinstance(value, str) else "".join(value),
)
def test_c_on_x86(exported: Path, tmp_path: Path, compiler: str, options: list[str]) -> None:
    need(compiler)
    if FUSED[0] in options and not runtime.isas()["avx2"]:
        pytest.skip("the processor has no fused multiply-add")
    names = names_in(exported)
    assert agree(run_all(exported, tmp_path, names, [compiler, *options], []), names)


@pytest.mark.parametrize(
    ("compiler", "options"),
    [("g++", ["-O1", *FUSED]), ("clang++", ["-O1"])],
    ids=lambda value: value if isinstance(value, str) else "".join(value),
)
def test_cpp_on_x86(exported: Path, tmp_path: Path, compiler: str, options: list[str]) -> None:
    need(compiler)
    if FUSED[0] in options and not runtime.isas()["avx2"]:
        pytest.skip("the processor has no fused multiply-add")
    names = names_in(exported, ".hpp")
    assert agree(run_all(exported, tmp_path, names, [compiler, "-std=c++17", *options], [], ".hpp"), names)


@pytest.mark.parametrize(
    ("options", "core"),
    [
        (["-O2"], "cortex-a53"),
        (["-O3", "-march=armv8.2-a+dotprod"], "cortex-a76"),
        (["-Os", "-DEVERY_PLAIN_C"], "cortex-a53"),
    ],
    ids=["neon", "dotprod", "plain"],
)
def test_aarch64(exported: Path, tmp_path: Path, options: list[str], core: str) -> None:
    need("aarch64-linux-gnu-g++", "qemu-aarch64")
    names = names_in(exported)
    compiler = ["aarch64-linux-gnu-gcc", "-std=c99", "-static", *plain(options, names)]
    assert agree(run_all(exported, tmp_path, names, compiler, ["qemu-aarch64", "-cpu", core]), names)


@pytest.mark.parametrize(
    "options",
    [["-O2", "-mfpu=neon-vfpv4"], ["-O2", "-mfpu=vfpv3-d16"], ["-Os", "-mfpu=vfpv4-d16", "-DEVERY_PLAIN_C"]],
    ids=["neon", "dsp", "plain"],
)
def test_armhf(exported: Path, tmp_path: Path, options: list[str]) -> None:
    need("arm-linux-gnueabihf-gcc", "qemu-arm")
    names = names_in(exported)
    compiler = ["arm-linux-gnueabihf-gcc", "-std=c99", "-static", *plain(options, names)]
    assert agree(run_all(exported, tmp_path, names, compiler, ["qemu-arm"]), names)


BOARDS = {
    "cortex-m3": ("mps2-an385", ["-Os"]),
    "cortex-m4": ("mps2-an386", ["-Os", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]),
    "cortex-m7": ("mps2-an500", ["-O2", "-mfpu=fpv5-d16", "-mfloat-abi=hard"]),
    "cortex-m33": ("mps2-an505", ["-O2", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"]),
}


@pytest.mark.parametrize("cpu", BOARDS)
def test_cortex_m(exported: Path, tmp_path: Path, cpu: str) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    board, options = BOARDS[cpu]
    names = names_in(exported)
    assert agree(run_on_board(exported, tmp_path, names, [f"-mcpu={cpu}"], board, options), names)


@pytest.mark.parametrize("cpu", ["x86-64", "cortex-m3"])
def test_sums_rounded_twice_stay_within_the_bound(
    exported: Path, tmp_path: Path, models: dict[str, Model], cpu: str
) -> None:
    names = [name for name in names_in(exported) if "PLAIN_ULP" in (exported / f"{name}.h").read_text()]
    assert len(names) > 20
    modes = [f"-D{name.upper()}_FMA=2" for name in names]
    if cpu == "x86-64":
        said = run_all(exported, tmp_path, names, ["gcc", "-std=c99", "-O2", *modes], [])
    else:
        need("arm-none-eabi-gcc", "qemu-system-arm")
        said = run_on_board(exported, tmp_path, names, ["-mcpu=cortex-m3"], "mps2-an385", ["-O2", *modes])
    assert agree(said, names)


def test_integers_refuse_sums_rounded_twice(exported: Path, tmp_path: Path) -> None:
    command = ["gcc", "-std=c99", "-c", "-DMIXED_FMA=2", str(exported / "mixed.c"), "-o", str(tmp_path / "mixed.o")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "MIXED_FMA: wanted 0 or 1" in done.stderr


def test_fast_math_is_refused(exported: Path, tmp_path: Path) -> None:
    command = ["gcc", "-ffast-math", "-c", str(exported / "mixed.c"), "-o", str(tmp_path / "mixed.o")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "mixed: -ffast-math changes results" in done.stderr


def test_a_compiler_that_fuses_all_the_same_is_found_out(exported: Path, tmp_path: Path) -> None:
    need("clang")
    if not runtime.isas()["avx2"]:
        pytest.skip("the processor has no fused multiply-add")
    program = tmp_path / "program"
    options = ["-O2", "-ffp-contract=fast", *FUSED, "-DMIXED_SELF_TEST"]
    subprocess.run(["clang", *options, str(exported / "mixed.c"), "-o", str(program), "-lm"], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "mixed: the compiler fuses products with sums; wanted -ffp-contract=off\n"


def plain(options: list[str], names: list[str]) -> list[str]:
    """The options, with the macro that leaves special instructions out for every name."""
    if "-DEVERY_PLAIN_C" not in options:
        return options
    return [option for option in options if option != "-DEVERY_PLAIN_C"] + [
        f"-D{name.upper()}_PLAIN_C" for name in names
    ]
