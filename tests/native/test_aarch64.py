"""64-bit Arm, cross-compiled and run by an emulator: the whole native suite, dispatch, and the bits of x86-64."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import digests
from tools import need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "aarch64"  # kept: what did not change is not compiled again
PROCESSORS = str(os.cpu_count() or 1)

# It forks a process with threads, which qemu-user cannot do.
LEFT_OUT = {"test_fork"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the test programs."""
    need("cmake", "ninja", "aarch64-linux-gnu-g++", "qemu-aarch64")
    for command in (
        ["cmake", "--preset", "aarch64", "-G", "Ninja"],
        ["cmake", "--build", "--preset", "aarch64", "-j", os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", PROCESSORS)],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return FOLDER / "tests" / "cpp"


def _digests(built: Path, cpu: str, **environment: str) -> digests.Digests:
    command = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, str(built / "test_digests")]
    return digests.run(command, **environment)


def test_native_suite(built: Path) -> None:
    done = subprocess.run(
        ["ctest", "--preset", "aarch64", "-j", PROCESSORS], cwd=ROOT, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Skipped" not in done.stdout
    passed = set(re.findall(r"(\w+) \.+\s+Passed", done.stdout))
    plain = {path.stem for path in (ROOT / "tests" / "cpp").glob("*.cpp")}
    per_isa = {path.stem for path in (ROOT / "tests" / "cpp" / "isa").glob("*.cpp")}
    assert len(per_isa) > 10
    wanted = plain - LEFT_OUT | {f"{name}_{isa}" for name in per_isa for isa in ("neon", "neon_dot")}
    assert passed == wanted


@pytest.mark.parametrize("cpu", ["cortex-a76", "max"])
def test_bits_and_dispatch_with_dot_product(built: Path, cpu: str) -> None:
    found = _digests(built, cpu)
    assert found.isa == "neon_dot"
    assert found.refused == {}
    assert found.by_isa == {"neon": digests.here(), "neon_dot": digests.here()}


def test_bits_and_dispatch_without_dot_product(built: Path) -> None:
    """Cortex-A53: one instruction of dot products would end the program."""
    found = _digests(built, "cortex-a53")
    assert found.isa == "neon"
    assert found.refused == {"neon_dot": "isa: this CPU cannot run 'neon_dot'"}
    assert found.by_isa == {"neon": digests.here()}
    assert _digests(built, "cortex-a53", SPRAT_ISA="neon_dot").isa == "neon"  # asked for what is not there
    assert _digests(built, "cortex-a76", SPRAT_ISA="neon").isa == "neon"
