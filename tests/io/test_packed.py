"""Quantized models in files: bit for bit, and no number is taken that an integer network cannot have."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.packing import PackedMLP
from sprat.quantization import quantize_model
from support import assert_same_bits

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)


def quantized(static: bool = True) -> PackedMLP:
    model = sprat.nn.MLP([6, 9, 3], activation="gelu", seed=1)
    sprat.fit(model, X, np.array(["a", "b", "c", "a"] * 16), epochs=1)
    return quantize_model(model, calibration=X if static else None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("static", [True, False])
def test_round_trip(path: Path, static: bool) -> None:
    model = quantized(static)
    sprat.save(model, path)
    loaded = sprat.load(path)
    assert isinstance(loaded, PackedMLP)
    assert loaded.config() == model.config()
    assert_same_bits(loaded(X), model(X))
    assert list(loaded.predict(X)) == list(model.predict(X))
    assert loaded.is_static is static
    again = path.with_suffix(".2")
    sprat.save(loaded, again)
    assert again.read_bytes() == path.read_bytes()
    found = sprat.io.describe(path)
    assert (found["kind"], found["parameters"]) == ("packed_mlp", model.num_parameters)


def change(path: Path, edit: Any, data: Any = None) -> None:
    sprat.save(quantized(), path)
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    head = json.loads(raw[8 : 8 + length])
    config = json.loads(head["__metadata__"]["config"])
    edit(config["model"]["layers"])
    head["__metadata__"]["config"] = json.dumps(config)
    body = bytearray(raw[8 + length :])
    if data is not None:
        begin = head[data[0]]["data_offsets"][0]
        body[begin : begin + 4] = np.float32(data[1]).tobytes()
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


@pytest.mark.parametrize(
    ("edit", "data", "problem"),
    [
        (lambda layers: layers[0].update(input_scale=0.0), None, "input_scale = 0.0 is not a number"),
        (lambda layers: layers[0].update(input_scale=1e39), None, "input_scale = 1e+39 is not a number"),
        (lambda layers: layers[0].update(input_scale=None), None, "input_scale = None is not a number"),
        (lambda layers: layers[0].update(input_zero_point=256), None, "input_zero_point = 256"),
        (lambda layers: layers[0].update(input_zero_point=0.5), None, "input_zero_point = 0.5"),
        (lambda layers: layers[0].update(in_features=65794), None, "in_features = 65794"),
        (lambda layers: layers[0].update(in_features=5), None, "the configuration wants I8 [9, 5]"),
        (lambda layers: layers[0].update(out_features=8), None, "layer 0 gives 8 features, layer 1 takes 9"),
        (lambda layers: layers[0].update(activation="x"), None, "activation = 'x' is unknown"),
        (lambda layers: layers[1].pop("input_scale"), None, "input_scale"),
        (lambda layers: layers.clear(), None, "0 layers"),
        (lambda layers: None, ("layers.0.weight_scale", 0.0), "scale that is not positive"),
        (lambda layers: None, ("layers.0.weight_scale", np.nan), "NaN or infinity"),
        (lambda layers: None, ("layers.1.bias", np.inf), "NaN or infinity"),
    ],
)
def test_wrong_numbers_are_named(path: Path, edit: Any, data: Any, problem: str) -> None:
    change(path, edit, data)
    with pytest.raises(sprat.FormatError) as caught:
        sprat.load(path)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


def test_changed_bytes_give_an_error_or_a_model(path: Path) -> None:
    sprat.save(quantized(), path)
    raw = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(raw)
        for position in rng.integers(0, len(raw), rng.integers(1, 4)):
            changed[position] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        try:
            model = sprat.load(path)
        except sprat.FormatError:
            continue
        model(X[:2])
