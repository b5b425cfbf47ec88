"""A run that is killed and resumed ends with the bits of a run that was never stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.optim import schedules
from sprat.training import Callback, Checkpoint, EarlyStopping, GradualPruning, ReduceOnPlateau
from support import assert_same_bits, unchanged
from training.tasks import blobs, classifier

X, Y = blobs()
XV, YV = blobs(80, seed=1)


class StopAt(Callback):
    """Breaks a run off as a crash would, leaving the file as it is at that moment."""

    def __init__(self, step: int | None) -> None:
        self.step = step

    def on_batch_end(self, trainer: Any) -> None:
        if trainer.step == self.step:
            raise RuntimeError("crash")


def recipes() -> dict[str, Any]:
    """What to train with; made afresh for each run."""
    return {
        "plain": dict,
        "schedule": lambda: {"lr": schedules.OneCycle(0.02, steps=16)},
        "sgd": lambda: {"optimizer": "SGD", "lr": 0.05, "clip_norm": 0.5},
        "average": lambda: {"ema_decay": 0.8, "early_stopping": 2},
        "weights": lambda: {"sample_weight": np.arange(len(X)) % 3, "class_weight": "balanced"},
        "pruning": lambda: {"callbacks": [GradualPruning(lambda step: min(0.6, step / 20), frequency=3)]},
        "plateau": lambda: {
            "early_stopping": EarlyStopping(patience=1, min_delta=0.05),
            "callbacks": [ReduceOnPlateau(factor=0.5, patience=0, threshold=0.2)],
        },
    }


def run(recipe: str, *, path: Any = None, crash: int | None = None, resume: bool = False, every: int = 3) -> Any:
    model = classifier(dropout=0.2, seed=3 if not resume else 8)
    options = recipes()[recipe]()
    options["callbacks"] = [*options.get("callbacks", []), StopAt(crash)]
    checkpoint = None if path is None else Checkpoint(path, every=every, unit="step")
    history = sprat.fit(
        model, X, Y, epochs=4, validation=(XV, YV), checkpoint=checkpoint, resume=resume, seed=9, **options
    )
    return model, history


@pytest.mark.parametrize("recipe", recipes())
def test_any_recipe_from_any_step(tmp_path: Path, recipe: str) -> None:
    expected, history = run(recipe)
    for crash in (4, 7, 12):
        path = tmp_path / f"run{crash}"
        with pytest.raises(RuntimeError, match="crash"):
            # Without the checkpoint among the callbacks the run is another; so compare with one that has it.
            run(recipe, path=path, crash=crash)
        model, resumed = run(recipe, path=path, resume=True)
        assert_same_bits(model.params, expected.params)
        assert model.masks.keys() == expected.masks.keys()
        assert resumed == history
        assert resumed.stopped_by == history.stopped_by
        # Once more from the finished file: nothing is left to do, and the result is there.
        model, resumed = run(recipe, path=path, resume=True)
        assert_same_bits(model.params, expected.params)
        assert resumed == history


def test_more_epochs_later(tmp_path: Path) -> None:
    path = tmp_path / "run"
    whole = classifier()
    expected = sprat.fit(whole, X, Y, epochs=6)
    sprat.fit(classifier(), X, Y, epochs=2, checkpoint=path, resume=True)  # nothing there yet: it begins
    model = classifier()
    history = sprat.fit(model, X, Y, epochs=6, checkpoint=path, resume=True)
    assert_same_bits(model.params, whole.params)
    assert history == expected


def test_the_users_own_batches_resume_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    def batches() -> Any:
        for begin in range(0, len(X), 50):
            yield X[begin : begin + 50], Y[begin : begin + 50]

    whole = classifier()
    sprat.fit(whole, batches, epochs=3)
    checkpoint = Checkpoint(tmp_path / "run", every=1, unit="step")
    with pytest.raises(RuntimeError, match="crash"):
        sprat.fit(classifier(), batches, epochs=3, checkpoint=checkpoint, callbacks=[StopAt(7)])
    model = classifier(seed=5)
    sprat.fit(model, batches, epochs=3, checkpoint=checkpoint, callbacks=[StopAt(None)], resume=True)
    assert_same_bits(model.params, whole.params)


SCRIPT = """
import sys
from training.tasks import blobs, classifier
import sprat
x, y = blobs(400)
model = classifier(dropout=0.1)
checkpoint = sprat.training.Checkpoint(sys.argv[1], every=1, unit="step")
print("ready", flush=True)
sprat.fit(model, x, y, epochs=12, batch_size=20, checkpoint=checkpoint, early_stopping=3, validation_split=0.2, resume=True)
sprat.save(model, sys.argv[2])
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": tests}

    def start(path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(path), str(path) + ".model"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def finish(process: subprocess.Popen[str]) -> int:
        process.communicate(timeout=60)
        return process.returncode

    assert finish(start(tmp_path / "whole")) == 0
    expected = sprat.load(tmp_path / "whole.model")
    chance = random.Random(1)
    kills = 0
    for _ in range(6):
        process = start(tmp_path / "killed")
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.12))
        process.send_signal(signal.SIGKILL)
        kills += finish(process) == -signal.SIGKILL
        if (tmp_path / "killed").exists():
            sprat.io.load_training(tmp_path / "killed")  # old or new, never neither
    assert kills > 0
    assert finish(start(tmp_path / "killed")) == 0
    model = sprat.load(tmp_path / "killed.model")
    assert_same_bits(model.params, expected.params)
    leftovers = [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
    assert len(leftovers) <= kills


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seed": 1}, "seed=0, this run has seed=1"),
        ({"batch_size": 32}, "batch_size=64, this run has batch_size=32"),
        ({"shuffle": False}, "shuffle=True"),
        ({"optimizer": "SGD"}, "optimizer='Adam', this run has optimizer='SGD'"),
        ({"loss": "mse", "y": np.eye(3)[Y]}, "loss='cross_entropy', this run has loss='mse'"),
        ({"x": X[:100], "y": Y[:100]}, "rows=200, this run has rows=100"),
        ({"early_stopping": 3}, r"callbacks \['Checkpoint'\]"),
        ({"model": sprat.nn.MLP([5, 8, 3])}, "other layers"),
    ],
)
def test_another_run_cannot_be_resumed(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    path = tmp_path / "run"
    sprat.fit(classifier(), X, Y, epochs=1, checkpoint=path)
    model = options.pop("model", None) or classifier(seed=4)
    same = unchanged(model.params)
    with pytest.raises(ValueError, match=problem):
        sprat.fit(model, options.pop("x", X), options.pop("y", Y), epochs=2, checkpoint=path, resume=True, **options)
    same()


@pytest.mark.parametrize("changed", [{"clip_norm": 0.1}, {"clip_value": 0.1}, {"ema_decay": 0.9}])
def test_another_clipping_or_average_is_refused(tmp_path: Path, changed: dict[str, float]) -> None:
    x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    path = tmp_path / "run.safetensors"
    sprat.fit(sprat.nn.MLP([8, 4, 2]), x, y, epochs=1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match=f"resume: the checkpoint was made with {next(iter(changed))}=None"):
        sprat.fit(sprat.nn.MLP([8, 4, 2]), x, y, epochs=2, checkpoint=path, resume=True, progress=False, **changed)
