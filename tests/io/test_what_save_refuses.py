"""What is saved can be loaded, and comes back as it was; what could not be loaded is not saved."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.io import strict_json
from sprat.nn import MLP
from sprat.quantization import QATConfig


class Own(MLP):
    """A user's class of model."""


def edit(name: str, value: Any) -> Any:
    return lambda model: setattr(model, name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("loss_name", "foo"), "loss = 'foo' is unknown"),
        (edit("class_names", ("a", "a")), "class_names is not a list of different names"),
        (edit("class_names", ("a", "b", "c")), "names of 3 classes, but 2 outputs"),
        (edit("input_quant", [None]), "input_quant: 1 entries for 2 layers"),
        (edit("input_quant", [(float("nan"), 0, 0, 255), None]), "input_quant 0: scale = nan"),
        (lambda model: model.params.fill(1), "layers.0.weight is not zero where its mask is"),
    ],
)
def test_a_model_that_no_load_would_take_is_not_saved(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = MLP([4, 3, 2])
    model.set_mask("layers.0.weight", np.zeros((3, 4)))
    sprat.save(model, path)
    before = path.read_bytes()
    change(model)
    with pytest.raises(ValueError, match=message) as caught:
        sprat.save(model, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_any_dropout_that_a_model_takes_can_be_loaded(tmp_path: Path) -> None:
    model = MLP([4, 3, 2], dropout=0.9999999)
    sprat.save(model, tmp_path / "a")
    assert sprat.load(tmp_path / "a").layers == model.layers


def test_a_quantization_aware_model_keeps_its_ranges(tmp_path: Path, rng: np.random.Generator) -> None:
    x = rng.normal(size=(64, 4)).astype(np.float32)
    model = MLP([4, 8, 2], seed=0)
    sprat.fit(model, x, (x[:, 0] > 0).astype(int), epochs=2, qat=QATConfig(), progress=False)
    sprat.save(model, tmp_path / "a")
    same = sprat.load(tmp_path / "a")
    assert same.input_quant == model.input_quant
    np.testing.assert_array_equal(same(x), model(x))
    small, again = (sprat.quantization.quantize_model(one) for one in (model, same))
    np.testing.assert_array_equal(again(x), small(x))


@pytest.mark.parametrize(
    ("key", "value"), [("scale", 0.0), ("scale", 1e300), ("zero_point", 256), ("quant_max", 0), ("zero_point", 0.5)]
)
def test_hostile_ranges_are_refused(key: str, value: Any, tmp_path: Path) -> None:
    model = MLP([4, 2])
    model.input_quant = [(0.5, 3, 0, 255)]
    path = tmp_path / "a"
    sprat.save(model, path)
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    config = json.loads(header["__metadata__"]["config"])
    config["input_quant"][0][key] = value
    header["__metadata__"]["config"] = json.dumps(config)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    with pytest.raises(sprat.FormatError, match="input_quant 0"):
        sprat.load(path)


def test_a_subclass_is_saved_as_what_it_is(tmp_path: Path) -> None:
    sprat.save(Own([4, 2]), tmp_path / "a")
    assert type(sprat.load(tmp_path / "a")) is MLP


def test_a_flood_of_lists_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(ValueError, match="lists and objects, the limit is"):
        strict_json.loads("[" + "[]," * strict_json.MAX_CONTAINERS + "[]]")


def test_brackets_in_text_are_no_lists() -> None:
    text = json.dumps({'a"\\[': "[" * 100 + '\\"'})
    assert strict_json.loads(text) == json.loads(text)
