"""What the tests of the C and C++ side share: models in files, programs built once."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import sprat
from tools import need

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of models: float32 with names of classes, float64, int8, float16, without zeros."""
    folder = tmp_path_factory.mktemp("models")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    named = sprat.nn.MLP([6, 20, 2], activation="tanh", seed=0)
    sprat.fit(named, x, np.array(["no", "ja"] * 32), epochs=1)
    sparse = sprat.nn.MLP([6, 40, 3], seed=1)
    sprat.prune.magnitude(sparse, sparsity=0.9)
    made = {
        "float32": named,
        "float64": sprat.nn.MLP([6, 9, 2], dtype="float64", seed=2),
        "int8": sprat.quantization.quantize_model(sprat.nn.MLP([6, 20, 3], seed=3), calibration=x),
        "float16": sprat.pack(sprat.nn.MLP([6, 20, 3], seed=4), "float16", plan="as asked"),
        "sparse": sprat.pack(sparse, zeros="unstructured", plan="as asked"),
    }
    for name, model in made.items():
        sprat.save(model, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in made}


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix into which the library alone was installed, without Python: the one build of it in these tests."""
    need("cmake", "ninja", "g++")
    prefix = tmp_path_factory.mktemp("plain") / "prefix"
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / ".release.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one folder of the build
        for command in (
            ["cmake", "--preset", "release", "-G", "Ninja"],
            ["cmake", "--build", "--preset", "release", "-j", jobs],
            ["cmake", "--install", "build/release", "--prefix", str(prefix)],
        ):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return prefix
