"""The wheel: small, complete, usable where nothing but NumPy and safetensors is."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(out), str(ROOT)],
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = out.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_holds_what_it_should(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel)
    names = files.namelist()
    of_cuda = sum(file.compress_size for file in files.infolist() if file.filename.startswith("sprat/_cuda"))
    assert wheel.stat().st_size - of_cuda <= 3 * 2**20
    assert of_cuda <= 6 * 2**20  # code for seven devices, where there is an nvcc
    for wanted in (
        "sprat/py.typed",
        "sprat/_core.pyi",
        "sprat/lib/libsprat.so.1",
        "sprat/lib/cmake/sprat/sprat-config.cmake",
        "sprat/lib/pkgconfig/sprat.pc",
        "sprat/include/sprat/sprat.h",
        "sprat/include/sprat/sprat.hpp",
        "sprat/cython_api.pxd",
        "sprat/cython_api.pyi",
    ):
        assert wanted in names
    modules = [n for n in names if n.endswith(".so")]
    found = {n.split(".")[0] for n in modules}
    assert found - {"sprat/_cuda"} == {"sprat/_core", "sprat/cython_api"}  # _cuda where there is an nvcc
    if sys.version_info >= (3, 12):
        assert "-cp312-abi3-" in wheel.name
        assert all(n.endswith(".abi3.so") for n in modules)
    strange = [n for n in names if not n.startswith(("sprat/", "sprat-"))]
    assert strange == []


def test_dependencies_are_numpy_and_safetensors_only() -> None:
    required = [r for r in importlib.metadata.requires("sprat") or [] if "extra ==" not in r]
    assert sorted(r.split(">")[0] for r in required) == ["numpy", "safetensors"]
