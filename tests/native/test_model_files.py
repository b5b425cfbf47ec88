"""Model files in C: what Python takes is taken, with the same answers; what Python refuses is refused."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from native_library import accepts, assert_same_answers, library, loaded
from sprat.nn import MLP
from sprat.packing import PackedLayer, PackedMLP
from sprat.packing.formats import to_bfloat16
from sprat.tabular import Encoder
from support import assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype(np.float32)


def masked() -> MLP:
    model = MLP([6, 5, 2], activation="tanh", dropout=0.25, seed=1)
    model.loss_name = "cross_entropy"
    model.set_mask("layers.0.weight", np.eye(5, 6))
    model.freeze("layers.1.bias")
    return model


def tabular() -> MLP:
    table = {"age": [20.0, 40.0, None], "city": ["Rome", "Ösló", "Rome"]}
    model = MLP([4, 2], seed=2)
    model.encoder = Encoder.fit(table, target=["no", "yes", "no"])
    model.loss_name = "cross_entropy"
    return model


def numbered_classes() -> MLP:
    model = MLP([1, 3], seed=2)
    model.encoder = Encoder.fit({"x": [0.0, 1.0, 2.0]}, target=[1, 7, 9], task="classification")
    return model


def named() -> MLP:
    model = MLP([6, 2], seed=0)
    sprat.fit(model, X, np.array(["no", "ja"] * 32), epochs=1)
    return model


def in_training_for_integers() -> MLP:
    model = MLP([6, 5, 2], seed=3)
    model.input_quant = [(0.05, 3, 0, 255), None]
    return model


def quantized(static: bool) -> PackedMLP:
    model = MLP([6, 37, 3], activation="relu", seed=1)
    return sprat.quantization.quantize_model(model, calibration=X if static else None)


def sparse_weight(shape: tuple[int, int], dtype: Any, blocks: bool = False) -> np.ndarray:
    rng = np.random.default_rng(5)
    weight = rng.integers(-7, 8, shape).astype(dtype)
    weight[rng.random(shape) < 0.8] = 0
    if blocks:
        weight[:16] = 0
    return weight


def packed(weights: str, zeros: str = "dense", sparse: bool = False, **more: Any) -> PackedMLP:
    shape = (33, 6)
    weight = (
        sparse_weight(shape, np.float32, zeros == "blocks") if sparse else RNG.integers(-7, 8, shape).astype(np.float32)
    )
    integer = weights in ("int8", "int4")
    scales = (33, 1) if weights == "int4" else (33,)
    values = {
        "float32": weight,
        "float16": weight.astype(np.float16),
        "bfloat16": to_bfloat16(weight),
        "int8": weight.astype(np.int8),
        "int4": weight.astype(np.int8),
    }[weights]
    first = PackedLayer(
        values,
        np.full(scales, 0.03, np.float32) if integer else None,
        np.linspace(-1, 1, 33, dtype=np.float32),
        "gelu",
        weights=weights,
        zeros=zeros,
        group_size=32 if weights == "int4" else 0,
        **more,
    )
    last = PackedLayer(RNG.normal(size=(2, 33)).astype(np.float32), weights="float32")
    return PackedMLP([first, last])


MODELS: dict[str, Callable[[], Any]] = {
    "masked and frozen": masked,
    "table": tabular,
    "numbered classes": numbered_classes,
    "named classes": named,
    "float64": lambda: MLP([6, 5, 1], dtype="float64", output_activation="sigmoid", seed=3),
    "without bias": lambda: MLP([6, 5, 5, 1], bias=False, activation=["gelu", "hardswish"], seed=4),
    "in training for integers": in_training_for_integers,
    "static int8": lambda: quantized(True),
    "dynamic int8": lambda: quantized(False),
    "int8 blocks": lambda: packed("int8", "blocks", True),
    "int8 of zeros": lambda: packed("int8", sparse=True, input_scale=0.1, input_zero_point=128),
    "int4": lambda: packed("int4"),
    "int4 of zeros": lambda: packed("int4", sparse=True),
    "float16": lambda: packed("float16"),
    "float16 of zeros": lambda: packed("float16", sparse=True),
    "bfloat16": lambda: packed("bfloat16"),
    "bfloat16 of zeros": lambda: packed("bfloat16", sparse=True),
    "unstructured": lambda: packed("float32", "unstructured", True),
    "blocks": lambda: packed("float32", "blocks", True),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("kind", MODELS)
def test_answers_are_those_of_python(path: Path, kind: str) -> None:
    model = MODELS[kind]()
    sprat.save(model, path)
    for source in (path, path.read_bytes()):
        with loaded(source) as native:
            assert native.kind == (b"mlp" if isinstance(model, MLP) else b"packed_mlp")
            assert (native.in_features, native.out_features) == (model.in_features, model.out_features)
            assert native.loss == (None if model.loss_name is None else model.loss_name.encode())
            assert native.class_names() == [str(name) for name in model.class_names or ()]
            assert json.loads(native.config) == sprat.io.describe(path)["config"]  # type: ignore[arg-type]
            for rows in (1, 7, 64):
                assert_same_answers(native, model, rows)


def array_at(address: Any, length: int, dtype: Any) -> np.ndarray:
    size = length * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


def test_what_training_needs(path: Path) -> None:
    model = masked()
    sprat.save(model, path)
    with loaded(path) as native:
        length = library.sprat_mlp_num_params(native.mlp)
        assert (length, library.sprat_mlp_num_layers(native.mlp)) == (model.params.size, 2)
        assert native.params % 64 == 0  # type: ignore[operator]
        assert_same_bits(array_at(native.params, length, np.float32), model.params)
        mask = array_at(native.mask, length, np.uint8)
        assert_same_bits(mask[:30].reshape(5, 6), model.masks["layers.0.weight"])
        assert mask[30:].all()
        assert array_at(native.frozen, 4, np.uint8).tolist() == [0, 0, 0, 1]
        assert native.input_quant is None


def test_a_negative_zero_under_a_mask_counts_as_zero(path: Path) -> None:
    model = masked()
    sprat.save(model, path)
    raw = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", raw[:8])
    begin = json.loads(raw[8 : 8 + length])["layers.0.weight"]["data_offsets"][0]
    raw[8 + length + begin + 4 : 8 + length + begin + 8] = np.float32(-0.0).tobytes()
    path.write_bytes(raw)
    expected = sprat.load(path)
    with loaded(path) as native:
        assert_same_bits(array_at(native.params, model.params.size, np.float32), expected.params)


# ---- damage --------------------------------------------------------------------------------------------------------


def python_accepts(raw: bytes, path: Path) -> bool:
    path.write_bytes(raw)
    try:
        sprat.load(path)
    except sprat.FormatError:
        return False
    return True


def assert_agree(raw: bytes, path: Path) -> bool:
    expected = python_accepts(raw, path)
    if accepts(raw) != expected:
        line = library.sprat_last_error().decode(errors="replace")
        try:
            sprat.load(path)
        except sprat.FormatError as error:
            raise AssertionError(f"only Python refuses: {error}") from None
        raise AssertionError(f"only C refuses: {line}")
    return expected


@pytest.fixture(params=["masked and frozen", "table", "int4 of zeros"])
def raw(request: pytest.FixtureRequest, path: Path) -> bytes:
    sprat.save(MODELS[request.param](), path)
    return path.read_bytes()


def test_cut_at_every_byte(raw: bytes) -> None:
    for length in range(len(raw)):
        assert not accepts(raw[:length])
    assert accepts(raw)
    assert not accepts(raw + b"\0")


def test_changed_bytes(raw: bytes, path: Path) -> None:
    """The two agree about a changed bit in one byte of the header, or of the data."""
    rng = np.random.default_rng(1)
    taken = 0
    for position in range(0, len(raw), 3):
        changed = bytearray(raw)
        changed[position] ^= 1 << int(rng.integers(0, 8))
        taken += assert_agree(bytes(changed), path)
    assert 0 < taken < len(raw)


@pytest.mark.parametrize("seed", range(4))
def test_random_damage(raw: bytes, path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        changed = bytearray(raw)
        for position in rng.integers(0, len(raw), rng.integers(1, 6)):
            changed[position] = int(
                rng.choice([0, 32, 34, 44, 48, 57, 91, 92, 93, 123, 125, 255, rng.integers(0, 256)])
            )
        if assert_agree(bytes(changed), path):
            with loaded(path) as native:
                assert_same_answers(native, sprat.load(path))


class Raw(str):
    """JSON text that stands as it is."""


def dumps(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(item)}" for key, item in value) + "}"
    if isinstance(value, dict):
        return dumps(Pairs(value.items()))
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)


class Pairs(list[tuple[str, Any]]):
    """An object that may have a key twice."""


# Values that a file may try in any place.
HOSTILE = [
    *map(Raw, ("0", "-0", "1", "1.0", "1e0", "-1", "0.0", "-0.0", "0.5", "2147483647", "2147483648", "9223372036854775807")),
    *map(Raw, ("9223372036854775808", "-9223372036854775808", "18446744073709551616", "99999999999999999999", "1e400")),
    *map(Raw, ("100000000000000000000", "1e-400", "1e-46", "1e-45", "3.4028234663852886e38", "3.5e38", "NaN", "Infinity")),
    *map(Raw, ("-Infinity", "01", "1.", ".5", "+1", "1e", "0x1", "null", "true", "false", "nul", "'a'", "", "[", "[]", "{}")),
    *map(Raw, ('"\\ud800"', '"\\ud83d\\ude00"', '"\\ud83d\\u0041"', '"\\u0000"', '"\\x"', '"\t"', '"\\/"', "[1,]", "[[]]")),
    *map(Raw, ("4503599627370497.5", "65793", "65794", "255", "256", "-128", "32", "33", "64", "0.1e1", "10e-1", "5e-324")),
    "", "relu", "relu\0", "float32", "float64", "int8", "int4", "bfloat16", "blocks", "unstructured", "number", "category",
    "classification", "regression", "mse", "mean", "layers.0.weight", ["a", "a"], ["a", "b"], ["b", "a"], [1, 2], [True],
    [False, True], [1.5, 2], [1.5, 2.5], {"a": 1},
]  # fmt: skip


def mutated(value: Any, rng: np.random.Generator) -> Any:
    """The tree with one change somewhere in it."""
    children = len(value) if isinstance(value, (dict, list)) else 0
    if children == 0 or rng.random() < 0.1:
        return HOSTILE[int(rng.integers(0, len(HOSTILE)))]
    which = int(rng.integers(0, children))
    kind = rng.random()
    if isinstance(value, list):
        if kind < 0.08:
            return value[:which] + value[which + 1 :]
        if kind < 0.16:
            return [*value[:which], value[which], *value[which:]]
        return [mutated(item, rng) if i == which else item for i, item in enumerate(value)]
    items = list(value.items())
    if kind < 0.06:
        return Pairs(items[:which] + items[which + 1 :])
    if kind < 0.10:
        return Pairs([*items, items[which]])
    if kind < 0.14:
        return Pairs([*items, ("more", 1)])
    return {key: mutated(item, rng) if i == which else item for i, (key, item) in enumerate(items)}


def parts(raw: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, configuration and data of a file."""
    (length,) = struct.unpack("<Q", raw[:8])
    head = json.loads(raw[8 : 8 + length])
    return head, json.loads(head["__metadata__"]["config"]), raw[8 + length :]


def joined(head: Any, data: bytes) -> bytes:
    text = dumps(head).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("kind", ["masked and frozen", "table", "numbered classes", "in training for integers", "static int8",
                                  "int4 of zeros", "bfloat16", "unstructured"])  # fmt: skip
def test_changed_configurations(path: Path, kind: str) -> None:
    """One value of the configuration is another: both take it or both refuse it."""
    rng = np.random.default_rng(2)
    sprat.save(MODELS[kind](), path)
    head, config, data = parts(path.read_bytes())
    taken = 0
    for _ in range(250):
        head["__metadata__"]["config"] = dumps(mutated(config, rng))
        taken += assert_agree(joined(head, data), path)
    assert 0 < taken < 250


def test_changed_headers(path: Path) -> None:
    rng = np.random.default_rng(3)
    sprat.save(masked(), path)
    head, _, data = parts(path.read_bytes())
    for _ in range(250):
        assert_agree(joined(mutated(head, rng), data), path)


def with_config(path: Path, config: str) -> bytes:
    head, _, data = parts(path.read_bytes())
    head["__metadata__"]["config"] = config
    return joined(head, data)


@pytest.mark.parametrize(
    "text",
    [
        "{}", "", " ", "[]", "12", '"x"', "\ufeff{}", "{}x", '{"a":' + "[" * 99999, '{"a":' + "[" * 64 + "]" * 64 + "}",
        '{"a":' + "9" * 9999 + "}", '{"a":1,"\\u0061":2}', '{"a":1e999}', '{"a":NaN}', "{" * 3, '{"a"}', '{"a":}', "{,}",
        '{"a":1,}', '{"a":1 "b":2}', '{"model":{}}', '{"model":{"dtype":"float32","layers":[]}}', "[" * 70 + "]" * 70,
        '{"a":[' + "[]," * 1000001 + "[]]}",
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_configurations(path: Path, text: str) -> None:
    sprat.save(masked(), path)
    assert not assert_agree(with_config(path, text), path)


@pytest.mark.parametrize("spaces", [" \t\n\r", "\x0b", "\x0c", "\u00a0", "\0"])
def test_what_counts_as_a_space(path: Path, spaces: str) -> None:
    sprat.save(masked(), path)
    config = json.loads(parts(path.read_bytes())[0]["__metadata__"]["config"])
    text = json.dumps(config, separators=("," + spaces, spaces + ":" + spaces))
    assert assert_agree(with_config(path, spaces + text + spaces), path) == (spaces == " \t\n\r")


def test_numbers_that_float64_rounds(path: Path) -> None:
    """A scale as other writers might write it is the number that Python reads."""
    sprat.save(quantized(True), path)
    head, config, data = parts(path.read_bytes())
    for text in ("0.1000000000000000055511151231257827021181583404541015625", "1e-1", "1" + "0" * 30 + "e-31",
                 "0." + "0" * 400 + "1e400", "123456789012345678e-18", "1.17549435e-38", "1.401298464324818e-45"):  # fmt: skip
        config["model"]["layers"][0]["input_scale"] = Raw(text)
        head["__metadata__"]["config"] = dumps(config)
        raw = joined(head, data)
        assert assert_agree(raw, path), text
        with loaded(raw) as native:
            assert_same_answers(native, sprat.load(path))


def test_lengths_that_lie(path: Path) -> None:
    sprat.save(masked(), path)
    raw = path.read_bytes()
    for length in (0, 1, 2, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, len(raw) - 8, len(raw) - 7):
        assert not assert_agree(struct.pack("<Q", length) + raw[8:], path)


# ---- files ---------------------------------------------------------------------------------------------------------


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^6: .*nothing: No such file or directory$"), loaded(tmp_path / "nothing"):
        pass
    with pytest.raises(sprat.FormatError, match="a folder, not a sprat file"), loaded(tmp_path):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(sprat.FormatError, match="not a regular file"), loaded(tmp_path / "pipe"):
        pass
    (tmp_path / "empty").touch()
    with pytest.raises(sprat.FormatError, match="empty: the file is empty"), loaded(tmp_path / "empty"):
        pass


def test_lines_are_short_and_name_the_file(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 50) / ("long" * 50)
    folder.mkdir(parents=True)
    path = folder / "model\n.safetensors"
    sprat.save(masked(), path)
    head, _, data = parts(path.read_bytes())
    head["x\n" * 10**5] = 1
    path.write_bytes(joined(head, data))
    with pytest.raises(sprat.FormatError) as caught, loaded(path):
        pass
    assert str(caught.value).startswith("...")
    assert "model?.safetensors: tensor 'x\\x0ax" in str(caught.value)
    assert len(str(caught.value)) < 512


def test_a_sparse_file_of_a_terabyte_takes_no_memory(path: Path) -> None:
    sprat.save(masked(), path)
    os.truncate(path, 2**40)
    with pytest.raises(sprat.FormatError, match="after the last tensor belong to no tensor"), loaded(path):
        pass


def test_a_checkpoint_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "run"
    sprat.fit(MLP([6, 2], seed=0), X, X[:, :2], loss="mse", epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match=r"^3: .*run: a checkpoint of a training run"), loaded(path):
        pass
