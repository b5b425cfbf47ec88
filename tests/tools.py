"""Tools that some tests run besides Python: compilers for other machines, emulators.

``python tests/tools.py`` installs them from Debian's packages, where it may. A test that needs one says so with
``need("qemu-aarch64", ...)`` and is skipped by its name where it is missing; with SPRAT_TESTS_STRICT, as in CI, that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

# The command that a test runs, and Debian's package that brings it.
PACKAGES = {
    "gcc": "gcc",
    "g++": "g++",
    "clang": "clang",
    "clang++": "clang",
    "cmake": "cmake",
    "ninja": "ninja-build",
    "pkg-config": "pkg-config",
    "nm": "binutils",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-x86_64": "qemu-user",
    "qemu-aarch64": "qemu-user",
    "qemu-arm": "qemu-user",
    "qemu-system-arm": "qemu-system-arm",
}


# What brings nvcc and its toolkit into a Python environment where the machine has none.
NVCC_PACKAGES = ["nvidia-cuda-nvcc", "nvidia-cuda-runtime", "nvidia-cuda-crt", "nvidia-nvvm", "nvidia-cuda-cccl"]


def find_nvcc() -> str | None:
    """nvcc of the machine, or of the packages above in this environment."""
    found = sorted(Path(sysconfig.get_path("purelib")).glob("nvidia/cu*/bin/nvcc"))
    return shutil.which("nvcc") or (str(found[-1]) if found else None)


def need_nvcc() -> str:
    """nvcc; without one the calling test is skipped."""
    nvcc = find_nvcc()
    if nvcc is None:
        pytest.skip(f"nvcc is not installed (pip install {' '.join(NVCC_PACKAGES)})")
    return nvcc


def install_nvcc() -> None:
    """Install nvcc's packages into this environment, unless there is one."""
    if find_nvcc():
        return
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", *NVCC_PACKAGES], capture_output=True, text=True
    )
    if done.returncode:
        print(
            f"not installed, its tests will be skipped: nvcc ({(done.stderr.strip().splitlines() or ['pip failed'])[-1]})"
        )


def need(*commands: str) -> None:
    """Skip the calling test unless every command can be run."""
    for command in commands:
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed (Debian: apt-get install {PACKAGES[command]})")


def missing() -> list[str]:
    """The packages of what is not installed."""
    return sorted({name for command in PACKAGES if not shutil.which(command) for name in PACKAGES[command].split()})


def install() -> None:
    """Install what is missing; where that cannot be done, say which tests will be skipped for it."""
    if not missing():
        return
    apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "-n", "apt-get"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing()]):
        try:
            done = subprocess.run([*apt, *arguments], env=environment, capture_output=True, text=True)
            why = done.stderr.strip().splitlines()[-1:] if done.returncode else []
        except FileNotFoundError as error:
            why = [str(error)]
        if why:
            print(f"{' '.join(apt)} {arguments[0]}: {why[0]}")
            break
    for command in PACKAGES:
        if shutil.which(command) is None:
            print(f"not installed, its tests will be skipped: {command} ({PACKAGES[command]})")


if __name__ == "__main__":
    install()
    install_nvcc()
