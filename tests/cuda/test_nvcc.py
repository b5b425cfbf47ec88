"""What nvcc makes of the kernels: they compile, and every operation is the one that the formula names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from cuda_device import ROOT
from tools import need_nvcc

CUDA = ROOT / "cpp/cuda"
# Of these no formula has a fused multiply-add: exp, log and erf are made of them, and products.
UNFUSED = ["optimizer.cu", "prune.cu", "quantize.cu", "reduce.cu", "value_range.cu"]


def flags() -> list[str]:
    """Those that nvcc.cmake gives, but for the host's compiler."""
    (found,) = re.findall(r"set\(SPRAT_NVCC_FLAGS (.*?)(?: -ccbin|\))", (CUDA / "nvcc.cmake").read_text())
    return str(found).split()


def ptx_of(source: str, folder: Path, *options: str) -> str:
    nvcc, out = need_nvcc(), folder / "kernel.ptx"
    defines = ["-DSPRAT_ISA=cuda", "-DSPRAT_ISA_CUDA=1", f"-I{ROOT / 'cpp'}", f"-I{ROOT / 'cpp/include'}"]
    command = [nvcc, *flags(), *options, *defines, "-arch=compute_75", "-ptx", str(CUDA / source), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("source", sorted(path.name for path in CUDA.glob("*.cu")))
def test_exact_operations(source: str, tmp_path: Path) -> None:
    """Division and square root are rounded as IEEE asks, denormal numbers kept; products and sums have their rounding
    written beside them, so that no later compiler, the driver's neither, may fuse them."""
    ptx = ptx_of(source, tmp_path)
    assert re.findall(r"\.approx\S*|\.ftz\S*|div\.full\S*", ptx) == []
    assert re.findall(r"\b(?:mul|add|sub)\.f(?:32|64)\b", ptx) == []
    if source in UNFUSED:
        assert re.findall(r"\b(?:fma|mad)\S*\.f(?:32|64)\b", ptx) == []


def test_contraction_would_be_seen(tmp_path: Path) -> None:
    assert "fma.rn.f32" in ptx_of("optimizer.cu", tmp_path, "-fmad=true")
