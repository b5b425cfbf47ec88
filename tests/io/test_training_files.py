"""Checkpoints: everything comes back, and a damaged one is refused."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from support import assert_same_bits
from training.tasks import blobs, classifier

X, Y = blobs()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.safetensors"
    sprat.fit(classifier(), X, Y, epochs=2, validation_split=0.2, early_stopping=2, ema_decay=0.5, checkpoint=path)
    return path


def test_what_a_checkpoint_holds(path: Path) -> None:
    found = sprat.io.load_training(path)
    assert (found.state["epoch"], found.state["batch"], found.state["step"]) == (2, 0, 6)
    assert [name for name, _ in found.state["callbacks"]] == ["EarlyStopping", "Checkpoint"]
    assert len(found.state["history"]["columns"]["val_loss"]) == 2
    model = sprat.load(path)
    assert_same_bits(model.params, found.model.params)
    assert sprat.io.describe(path)["kind"] == "training"
    assert sprat.io.describe(path)["parameters"] == model.num_parameters


def test_a_model_file_is_no_checkpoint(tmp_path: Path) -> None:
    sprat.save(classifier(), tmp_path / "model")
    with pytest.raises(sprat.FormatError, match="a file of kind 'mlp', not a training checkpoint"):
        sprat.io.load_training(tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        sprat.io.load_training(tmp_path / "nothing")


def change(path: Path, edit: Any) -> None:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    head = json.loads(raw[8 : 8 + length])
    config = json.loads(head["__metadata__"]["config"])
    edit(head, config)
    head["__metadata__"]["config"] = json.dumps(config)
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda head, config: config.pop("state"), "'state' is missing"),
        (lambda head, config: config.update(kind="training"), "kind = 'training' is unknown"),
        (lambda head, config: config.update(kind="x"), "kind = 'x' is unknown"),
        (lambda head, config: config.update(tensors=[]), "not objects"),
        (lambda head, config: config["tensors"].popitem(), "has no place"),
        (lambda head, config: config["tensors"].update(more=["F32", [1]]), "'state.more' is missing"),
        (lambda head, config: config["tensors"].update(more=["F32"]), "has no dtype and shape"),
        (lambda head, config: config["state"].update(optimizer={}), "does not name its tensor"),
        (lambda head, config: config["state"].update(extra={"$tensor": "none"}), "names the tensor 'none'"),
        (lambda head, config: config["state"].update(extra={"$run": "x"}), "unknown form"),
    ],
)
def test_damaged_checkpoints_are_refused(path: Path, edit: Any, problem: str) -> None:
    change(path, edit)
    with pytest.raises(sprat.FormatError) as caught:
        sprat.io.load_training(path)
    assert problem in str(caught.value)


@pytest.mark.parametrize("value", ["", None, 1.5, []])
@pytest.mark.parametrize(
    "key", ["epoch", "step", "loss_sum", "stopped", "optimizer", "callbacks", "history", "settings"]
)
def test_a_state_of_another_form_is_refused(path: Path, key: str, value: Any) -> None:
    valid = (key == "stopped" and value is None) or (key == "loss_sum" and value == 1.5)
    change(path, lambda head, config: config["state"].update({key: value if not valid else {}}))
    with pytest.raises(sprat.FormatError, match="the state"):
        sprat.io.load_training(path)
    if key != "stopped":
        change(path, lambda head, config: config["state"].pop(key))
        with pytest.raises(sprat.FormatError, match="the state"):
            sprat.io.load_training(path)


def test_a_state_that_the_optimizer_refuses_changes_nothing(path: Path) -> None:
    found = sprat.io.load_training(path)
    found.state["optimizer"]["param_groups"] = []
    model = classifier(seed=9)
    before = model.params.copy()
    with pytest.raises(ValueError, match=r"run\.safetensors: "):
        sprat.fit(
            model,
            X,
            Y,
            validation_split=0.2,
            early_stopping=2,
            ema_decay=0.5,
            checkpoint=path,
            callbacks=[_Restore(found)],
        )
    assert_same_bits(model.params, before)


class _Restore(sprat.training.Callback):
    """Goes on from a state in the middle of the preparation of a run."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def on_train_begin(self, trainer: Any) -> None:
        trainer.callbacks = [callback for callback in trainer.callbacks if callback is not self]
        self.found.restore(trainer)


def test_cut_off_and_changed(path: Path) -> None:
    raw = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(raw)
        if rng.random() < 0.5:
            changed[int(rng.integers(len(raw)))] ^= int(rng.integers(1, 256))
        else:
            del changed[int(rng.integers(len(raw))) :]
        path.write_bytes(changed)
        with contextlib.suppress(sprat.FormatError):
            sprat.io.load_training(path)


def test_describe_counts_the_model_alone(path: Path) -> None:
    found = sprat.io.describe(path)
    assert found["parameters"] == classifier().num_parameters
    assert [layer["out_features"] for layer in found["layers"]] == [16, 3]
