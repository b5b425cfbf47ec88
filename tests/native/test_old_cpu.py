"""x86-64 without AVX2: the baseline is chosen, no other instruction runs, and the bits are those of this machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

import digests
from tools import need

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="an x86-64 machine is asked for")

NEWER = {"avx2", "avx512", "avx512_vnni"}

# Outputs of networks of float32 and int8, a step of training, and which instruction set made them.
SCRIPT = """
import hashlib
import numpy as np
import sprat

x = ((np.arange(64 * 16) % 37 - 18).reshape(64, 16) / 7).astype(np.float32)
model = sprat.nn.MLP([16, 32, 4], activation="gelu", seed=0)
sprat.fit(model, x, np.arange(64) % 4, epochs=1, batch_size=16, progress=False)
digest = hashlib.sha256(model.params.tobytes())
for network in (model, sprat.quantization.quantize_model(model, calibration=x), sprat.pack(model, "int4", plan="as asked")):
    digest.update(sprat.Predictor(network)(x).tobytes())
print(sprat.runtime.isa(), digest.hexdigest())
"""


def _python(*emulator: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [*emulator, sys.executable, "-W", "error", "-c", SCRIPT],
        env=os.environ | environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return done.stdout.split()


@pytest.mark.slow
def test_emulated_old_cpu() -> None:
    """Nehalem (2008): SSE4.2, no AVX. The emulator ends the program at an instruction that it does not have."""
    need("g++", "qemu-x86_64")
    found = digests.run(["qemu-x86_64", "-cpu", "Nehalem", digests.program(), "1"])
    assert found.isa == "baseline"
    assert found.refused.keys() == NEWER
    assert found.by_isa == {"baseline": digests.here()}


@pytest.mark.slow
def test_python_on_an_emulated_old_cpu() -> None:
    need("qemu-x86_64")
    isa, digest = _python("qemu-x86_64", "-cpu", "Nehalem")
    assert isa == "baseline"
    assert digest == _python()[1]


def test_baseline_asked_for() -> None:
    need("g++")
    found = digests.run([digests.program()], SPRAT_ISA="baseline")
    assert found.isa == "baseline"
    assert found.by_isa["baseline"] == digests.here()
    isa, digest = _python(SPRAT_ISA="baseline")
    assert isa == "baseline"
    assert digest == _python()[1]
