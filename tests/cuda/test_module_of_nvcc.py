"""The module that nvcc built: it holds code for every device, and on a machine without one it says so in one line."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuda_device import build_module
from sprat import _core
from tools import need_nvcc

_PTX, _MACHINE_CODE = 1, 2


@pytest.fixture(scope="module")
def module_of_nvcc() -> Path:
    """The wheel's, where nvcc was there when it was built; else one that is built now."""
    installed = list(Path(str(_core.__file__)).parent.glob("_cuda*.so"))
    return installed[0] if installed else build_module("cuda-nvcc", "-DSPRAT_CUDA=on", f"-DSPRAT_NVCC={need_nvcc()}")


def images(module: bytes) -> Iterator[tuple[int, int]]:
    """(kind, architecture) of each image that nvcc put into a file: a container has a magic number, then its images."""
    magic = struct.pack("<I", 0xBA55ED50)
    at = module.find(magic)
    while at >= 0:
        header, size = struct.unpack_from("<HQ", module, at + 6)
        image, end = at + header, at + header + size
        while image < end:
            kind, head, length = struct.unpack_from("<H2xIQ", module, image)
            yield kind, struct.unpack_from("<I", module, image + 28)[0]
            image += head + length
        at = module.find(magic, at + 4)


@pytest.mark.slow
def test_code_for_every_device(module_of_nvcc: Path) -> None:
    found = set(images(module_of_nvcc.read_bytes()))
    assert {arch for kind, arch in found if kind == _MACHINE_CODE} == {75, 80, 86, 89, 90, 100, 120}
    assert {arch for kind, arch in found if kind == _PTX} == {120}  # for devices to come


@pytest.mark.slow
def test_a_machine_without_a_device_is_told_in_one_line(module_of_nvcc: Path) -> None:
    code = """
import sys, sprat
assert not any("cuda" in name for name in sys.modules)
told = sprat.cuda.info()
assert told["built"] and not told["emulated"], told
if told["devices"]:
    print("a device")
else:
    assert not sprat.cuda.is_available()
    try:
        sprat.nn.MLP([2, 1], device="cuda")
    except RuntimeError as error:
        assert str(error) == told["problem"], (str(error), told)
        print(error)
"""
    environment = os.environ | {"SPRAT_CUDA_MODULE": str(module_of_nvcc)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout in ("a device\n", "CUDA: no driver, or one that is too old\n", "CUDA: there is no device\n")
