"""examples/cython: a package of its own, built by pip against the installed sprat, in loops that hold no GIL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sprat

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cython"

CHECKS = """
import numpy as np, scoring, sprat
from sprat import _core, runtime

rng = np.random.default_rng(0)
model = sprat.nn.MLP([16, 32, 4], seed=0)
x = rng.normal(size=(999, 16)).astype(np.float32)
for frozen in (model, sprat.quantization.quantize_model(model)):
    predict = sprat.Predictor(frozen)
    for threads in (1, 2, 8):
        assert scoring.score(predict, x, threads=threads).tobytes() == predict(x).tobytes()
for bad, error in ((x[:, :15].copy(), "16 columns"), (x[:, ::2], "not C-contiguous"), (x.astype("f8"), "Buffer dtype")):
    try:
        scoring.score(predict, bad)
    except ValueError as refused:
        assert error in str(refused), refused
    else:
        raise AssertionError(error)

t = rng.normal(size=40)
params, grads = np.zeros(2), np.zeros(2)
adam = sprat.optim.Adam([params], lr=0.05)
for _ in range(300):
    errors = [params[0] * a + params[1] - (3 * a - 1) for a in t]
    grads[:] = 0
    for a, error in zip(t, errors):
        grads[0] += 2 * error * a / len(t)
        grads[1] += 2 * error / len(t)
    adam.step([grads])
assert scoring.fit_line(t, 3 * t - 1, 300, 0.05) == tuple(params), "the bits of Adam in Python"

want = np.empty(1000, np.float32)
_core.fill_uniform(want, 5, 2, -1.0, 1.0)
assert scoring.uniform(1000, 5, 2, -1.0, 1.0).tobytes() == want.tobytes()
try:
    scoring.uniform(10, 5, 2, 1.0, float("inf"))
except ValueError as refused:
    print(refused)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has installed the example."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source")
    # An editable sprat lies where Cython does not look for .pxd files.
    environment = os.environ | {"PYTHONPATH": str(Path(sprat.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index",
         "--target", str(folder / "site"), str(folder / "source")],
        capture_output=True, text=True, timeout=300, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "site"


def _python(site: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": str(site)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_predictions_steps_and_random_numbers(site: Path) -> None:
    assert _python(site, "-c", CHECKS) == "low and high: wanted finite numbers, got 1 and inf\n"


@pytest.mark.slow
def test_example_runs(site: Path) -> None:
    shown = _python(site, str(EXAMPLE / "run.py"))
    assert "the bits of a batch from Python: True" in shown
    assert "3.0000 t + -1.0000" in shown


def test_page_shows_the_example() -> None:
    """Each Cython block of the page stands in the example, word for word."""
    blocks = re.findall(r"^```cython\n(.*?)^```$", (ROOT / "docs" / "cython.md").read_text(), re.M | re.S)
    assert len(blocks) >= 3
    source = (EXAMPLE / "scoring.pyx").read_text()
    for block in blocks:
        assert block in source
