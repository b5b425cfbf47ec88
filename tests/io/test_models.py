"""Models in files: bit for bit, and no damaged file is taken for one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sprat
from sprat.nn import MLP
from sprat.tabular import Encoder
from support import assert_same_bits

X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def small() -> MLP:
    model = MLP([4, 3, 2], activation="tanh", dropout=0.25, seed=1)
    model.loss_name = "cross_entropy"
    model.set_mask("layers.0.weight", np.eye(3, 4))
    model.freeze("layers.1.bias")
    return model


def tabular() -> MLP:
    table = {"age": [20.0, 40.0, None], "city": ["Rome", "Oslo", "Rome"]}
    model = MLP([4, 2], seed=2)
    model.encoder = Encoder.fit(table, target=["no", "yes", "no"])
    model.loss_name = "cross_entropy"
    return model


MODELS: dict[str, Callable[[], MLP]] = {
    "masked and frozen": small,
    "table": tabular,
    "float64": lambda: MLP([4, 5, 1], dtype="float64", output_activation="sigmoid", seed=3),
    "without bias": lambda: MLP([4, 5, 5, 1], bias=False, activation=["gelu", "hardswish"], seed=4),
    "one layer": lambda: MLP([1, 1]),
}


def assert_same_model(a: Any, b: Any) -> None:
    assert a.config() == b.config()
    assert_same_bits(a.params, b.params)
    assert a.masks.keys() == b.masks.keys()
    for name in a.masks:
        assert_same_bits(a.masks[name], b.masks[name])
    assert a.frozen == b.frozen
    assert (a.loss_name, a.encoder, a.class_names) == (b.loss_name, b.encoder, b.class_names)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("kind", MODELS)
def test_round_trip(path: Path, kind: str) -> None:
    model = MODELS[kind]()
    sprat.save(model, path)
    loaded = sprat.load(path)
    assert_same_model(loaded, model)
    assert loaded.params.ctypes.data % 64 == 0
    x = X[:, : model.in_features]
    assert_same_bits(loaded(x), model(x))
    again = path.with_suffix(".2")
    sprat.save(loaded, again)
    assert again.read_bytes() == path.read_bytes()


def test_class_names_without_a_table(path: Path) -> None:
    model = MLP([4, 2], seed=0)
    sprat.fit(model, X, np.array(["no", "yes"] * 10), epochs=1)
    sprat.save(model, path)
    assert set(sprat.load(path).predict(X)) <= {"no", "yes"}


def test_a_loaded_table_model_predicts_names(path: Path) -> None:
    sprat.save(tabular(), path)
    table = {"age": [30.0], "city": ["Oslo"]}
    assert sprat.load(path).predict(table)[0] in ("no", "yes")


def test_other_readers_see_the_tensors(path: Path) -> None:
    from safetensors.numpy import load_file

    model = small()
    sprat.save(model, path)
    tensors = load_file(path)
    for name, values in model.parameters().items():
        assert_same_bits(tensors[name], values)
    bits = np.unpackbits(tensors["mask.layers.0.weight"], bitorder="little")
    assert_same_bits(bits[:12].reshape(3, 4), model.masks["layers.0.weight"])


def test_describe(path: Path) -> None:
    sprat.save(small(), path)
    found = sprat.io.describe(path)
    assert (found["kind"], found["version"], found["parameters"]) == ("mlp", "1", 23)
    assert found["bytes"] == path.stat().st_size
    assert found["sparsity"] == pytest.approx(9 / 23)
    assert [layer["activation"] for layer in found["layers"]] == ["tanh", "identity"]
    assert found["tensors"]["layers.0.weight"] == ["float32", [3, 4]]


def test_what_cannot_be_saved(path: Path) -> None:
    with pytest.raises(TypeError, match="a dict cannot be saved; wanted one of: mlp"):
        sprat.save({}, path)
    model = MLP([2, 2])
    model.params[1] = np.nan
    with pytest.raises(ValueError, match=r"layers\.0\.weight holds NaN or infinity"):
        sprat.save(model, path)
    assert not path.exists()


# ---- damage -----------------------------------------------------------------------------------------------------


def damaged(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None], data: Any = None) -> Path:
    """The file of ``small()`` after ``change(header, configuration)``, its data replaced if given."""
    sprat.save(small(), path)
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    head = json.loads(raw[8 : 8 + length])
    config = json.loads(head["__metadata__"]["config"])
    change(head, config)
    head["__metadata__"]["config"] = json.dumps(config)
    text = json.dumps(head).encode()
    body = bytearray(raw[8 + length :])
    if data is not None:
        data(head, body)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def set_config(*keys: Any, value: Any) -> Callable[[Any, Any], None]:
    def change(_: Any, config: Any) -> None:
        for key in keys[:-1]:
            config = config[key]
        if value is KeyError:
            del config[keys[-1]]
        else:
            config[keys[-1]] = value

    return change


LAYER = ("model", "layers", 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_config("model", value=KeyError), "the key 'model' is missing"),
        (set_config("model", value=[]), "model is not an object"),
        (set_config("more", value=1), "unknown key 'more'"),
        (set_config("model", "dtype", value="int8"), "dtype = 'int8' is unknown"),
        (set_config("model", "dtype", value="float64"), "the configuration wants F64"),
        (set_config("model", "layers", value=[]), "0 layers"),
        (set_config("model", "layers", value={}), "layers is not a list"),
        (set_config(*LAYER, "out_features", value=5), "layer 0 gives 5 features, layer 1 takes 3"),
        (set_config(*LAYER, "in_features", value=5), "is F32 [3, 4], the configuration wants F32 [3, 5]"),
        (set_config(*LAYER, "in_features", value=2**31 - 1), "the configuration wants"),
        (set_config(*LAYER, "in_features", value=0), "not an integer from 1"),
        (set_config(*LAYER, "in_features", value=True), "not an integer from 1"),
        (set_config(*LAYER, "in_features", value=4.0), "not an integer from 1"),
        (set_config(*LAYER, "activation", value="magic"), "activation = 'magic' is unknown"),
        (set_config(*LAYER, "activation", value=["relu"]), "is unknown"),
        (set_config(*LAYER, "bias", value=1), "bias = 1 is not true or false"),
        (set_config(*LAYER, "bias", value=False), "'layers.0.bias' has no place"),
        (set_config(*LAYER, "dropout", value=1.0), "dropout = 1.0 is not a number"),
        (set_config(*LAYER, "dropout", value="0"), "dropout = '0' is not a number"),
        (set_config(*LAYER, "extra", value=1), "unknown key 'extra'"),
        (set_config("masks", value=["layers.9.weight"]), "no parameter 'layers.9.weight'"),
        (set_config("masks", value=[]), "'mask.layers.0.weight' has no place"),
        (set_config("masks", value=["layers.0.weight"] * 2), "different names"),
        (set_config("masks", value=["layers.0.weight", "layers.1.weight"]), "'mask.layers.1.weight' is missing"),
        (set_config("frozen", value=["x"]), "no parameter 'x'"),
        (set_config("frozen", value=7), "frozen is not a list"),
        (set_config("loss", value="hinge"), "loss = 'hinge' is unknown"),
        (set_config("encoder", value={}), "encoder"),
        (set_config("encoder", value=3), "encoder"),
    ],
)
def test_a_wrong_configuration_is_named(path: Path, change: Any, problem: str) -> None:
    with pytest.raises(sprat.FormatError) as caught:
        sprat.load(damaged(path, change))
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    with pytest.raises(sprat.FormatError):
        sprat.io.describe(path)


def test_unknown_kind(path: Path) -> None:
    def change(head: Any, _: Any) -> None:
        head["__metadata__"]["kind"] = "transformer"

    with pytest.raises(sprat.FormatError, match="unknown kind 'transformer'; this sprat reads mlp"):
        sprat.load(damaged(path, change))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("mask.layers.0.weight", np.uint16(0x1421), "wanted no bits beyond 12 elements"),
        ("mask.layers.0.weight", np.uint8(0), "'layers.0.weight' is not zero where its mask is"),
        ("layers.0.weight", np.float32(np.nan), "'layers.0.weight' holds NaN or infinity"),
        ("layers.1.bias", np.float32(-np.inf), "'layers.1.bias' holds NaN or infinity"),
    ],
)
def test_wrong_values_are_named(path: Path, name: str, value: Any, problem: str) -> None:
    def data(head: Any, body: bytearray) -> None:
        begin = head[name]["data_offsets"][0]
        body[begin : begin + value.nbytes] = value.tobytes()

    with pytest.raises(sprat.FormatError, match=problem.replace(".", r"\.")):
        sprat.load(damaged(path, lambda head, config: None, data))


def test_cut_off_after_every_byte(path: Path) -> None:
    sprat.save(small(), path)
    raw = path.read_bytes()
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(sprat.FormatError):
            sprat.load(path)
    path.write_bytes(raw + b"\0")
    with pytest.raises(sprat.FormatError, match="1 bytes after"):
        sprat.load(path)


RAW: list[bytes] = []


def load_or_none(path: Path) -> Any:
    """The model, or None where the file is refused in one line; anything else fails the test."""
    message = ""
    try:
        return sprat.load(path)
    except sprat.FormatError as error:
        message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message
    return None


@given(st.data())
def test_changed_bytes_give_an_error_or_a_valid_model(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    if not RAW:
        for model in (small(), tabular()):
            sprat.save(model, path)
            RAW.append(path.read_bytes())
    raw = bytearray(data.draw(st.sampled_from(RAW)))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(raw) - 1))
        choice = data.draw(st.integers(0, 3))
        if choice == 0:
            raw[position] = data.draw(st.integers(0, 255))
        elif choice == 1:
            raw[position] ^= 1 << data.draw(st.integers(0, 7))
        elif choice == 2:
            del raw[position : position + data.draw(st.integers(1, 20))]
        else:
            raw[position:position] = data.draw(st.binary(min_size=1, max_size=8))
    path.write_bytes(raw)
    model = load_or_none(path)
    if model is None:
        return
    assert np.isfinite(model.params).all()
    model(np.zeros((2, model.in_features)))


@pytest.mark.slow
def test_every_single_byte_changed(path: Path) -> None:
    sprat.save(tabular(), path)
    raw = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        model = load_or_none(path)
        assert model is None or np.isfinite(model.params).all()
