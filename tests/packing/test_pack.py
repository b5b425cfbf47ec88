"""``sprat.pack``: formats of layers, what they keep of the model, and how they are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import _core
from sprat.nn import MLP
from sprat.packing import PackedLayer, PackedMLP, formats, storage
from support import assert_same_bits, assert_same_everywhere

EXACT = {"plan": "as asked", "zeros": "dense"}


def pruned(sizes: list[int], sparsity: float, seed: int = 0, **options: Any) -> tuple[MLP, np.ndarray]:
    rng = np.random.default_rng(seed)
    model = MLP(sizes, seed=seed, **options)
    for name, view in model.parameters().items():
        if name.endswith("bias"):
            view[...] = rng.standard_normal(view.shape)
    sprat.prune.magnitude(model, sparsity)
    return model, rng.standard_normal((70, sizes[0])).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 2, 31, 32, 33, 70])
def test_dense_float32_keeps_every_bit(isa: str, rows: int) -> None:
    for sizes in ([1, 1], [10, 16, 1], [33, 65, 17, 5]):
        model, x = pruned(sizes, 0.5)
        assert_same_bits(sprat.pack(model, **EXACT)(x[:rows]), model(x[:rows]))


@pytest.mark.parametrize("zeros", ["unstructured", "blocks"])
@pytest.mark.parametrize("bias", [None, np.full(40, -0.0, np.float32)])
def test_underflow_has_one_sign(isa: str, zeros: str, bias: np.ndarray | None) -> None:
    """A sum of negative products that underflow is -0, and +0 where a weight of 0 follows: kernels differ in that."""
    weight = np.zeros((40, 70), np.float32)
    weight[:, 0] = weight[::3, 69] = 1e-30
    x = np.ones((40, 70), np.float32)
    x[:, [0, 69]] = -1e-30
    packed = PackedMLP([PackedLayer(weight, bias=bias, weights="float32", zeros=zeros)])
    for rows in [1, 2, 3, 5, 8, 15, 40]:
        assert_same_bits(packed(x[:rows]), np.zeros((rows, 40), np.float32))


def test_formats_can_be_mixed() -> None:
    model, x = pruned([20, 40, 30, 5], 0.3, activation="gelu")
    mixed = sprat.pack(model, ["float32", "int8", "float32"], calibration=x, **EXACT)
    assert [layer.weights for layer in mixed.layers] == ["float32", "int8", "float32"]
    assert [layer.input for layer in mixed.layers] == ["float", "static", "float"]
    hidden = model.hidden(x, 0)
    assert_same_bits(mixed.hidden(x, 0), hidden)
    assert_same_bits(mixed(x), PackedMLP(mixed.layers[1:])(hidden))
    assert np.abs(mixed(x) - model(x)).max() < 0.2
    assert repr(mixed) == "PackedMLP(20-40-30-5, gelu, float32, static int8)"
    assert_same_everywhere(lambda: mixed(np.tile(x, (20, 1))))


def test_the_head_comes_along() -> None:
    model, x = pruned([6, 8, 3], 0.2)
    sprat.fit(model, x[:, :6], np.array(["a", "b", "c", "a", "b", "a", "c"] * 10), epochs=1, progress=False)
    packed = sprat.pack(model, **EXACT)
    assert packed.loss_name == "cross_entropy"
    assert list(packed.predict(x)) == list(model.predict(x))
    assert sprat.evaluate(packed, x, model.predict(x))["accuracy"] == 1


def test_plan_says_why() -> None:
    model, x = pruned([64, 256, 10], 0.0)
    packed = sprat.pack(model, "int8", calibration=x, rows=(1, 64))
    assert len(packed.plan) == 2
    for index, (reason, layer) in enumerate(zip(packed.plan, packed.layers, strict=True)):
        assert reason.startswith(f"layers.{index}: ")
        assert "1 row" in reason
        assert "64 rows" in reason
        assert (layer.weights == "float32") == ("slower" in reason)
    assert sprat.pack(model, **EXACT).plan[0] == "layers.0: float32, as asked"


def test_what_is_slower_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that says so: the decision, not the machine, is what is tested."""
    from sprat.packing import plan

    model, x = pruned([8, 16, 4], 0.0)
    slow = {("int8", 16): 2.0, ("int8", 4): 0.5}
    monkeypatch.setattr(
        plan, "layer_seconds", lambda layers, rows: [slow.get((la.weights, la.out_features), 1.0) for la in layers]
    )
    monkeypatch.setattr(plan, "network_seconds", lambda networks, rows: [1.0, 1.0])
    packed = sprat.pack(model, "int8", calibration=x)
    assert [layer.weights for layer in packed.layers] == ["float32", "int8"]
    assert packed.plan[0].startswith("layers.0: float32, as int8 is slower here: 2e+06 us (1e+06 us dense float32)")
    # It must pay for every number of rows.
    monkeypatch.setattr(
        plan, "layer_seconds", lambda layers, rows: [1.0 if la.weights == "float32" else 0.5 * rows for la in layers]
    )
    assert sprat.pack(model, "int8", rows=(1, 2)).layers[0].weights == "int8"
    assert sprat.pack(model, "int8", rows=(1, 3)).layers[0].weights == "float32"
    # And so must the network as a whole.
    monkeypatch.setattr(plan, "network_seconds", lambda networks, rows: [2.0, 1.0])
    packed = sprat.pack(model, "int8", rows=1)
    assert [layer.weights for layer in packed.layers] == ["float32", "float32"]
    assert packed.plan[1].startswith("layers.1: float32, as the whole is slower here: 2e+06 us")


def test_int8_of_pack_is_quantize_model() -> None:
    model, x = pruned([12, 20, 6], 0.4)
    for calibration in (x, None):
        packed = sprat.pack(model, "int8", calibration=calibration, observer="percentile", **EXACT)
        assert_same_bits(packed(x), sprat.quantization.quantize_model(model, calibration, observer="percentile")(x))


def test_zeros_are_not_stored(tmp_path: Path) -> None:
    model, x = pruned([100, 80, 10], 0.9)
    dense, path = model.params.nbytes, tmp_path / "model.safetensors"
    packed = sprat.pack(model, **EXACT)
    assert packed.nbytes < dense * 0.15
    sprat.save(packed, path)
    assert path.stat().st_size < dense * 0.15 + 4096
    loaded = sprat.load(path)
    assert isinstance(loaded, PackedMLP)
    assert_same_bits(loaded(x), packed(x))
    assert loaded.config() == packed.config()
    found = sprat.io.describe(path)
    assert found["parameters"] == model.num_parameters
    zeros = sum(int((view == 0).sum()) for name, view in model.parameters().items() if name.endswith("weight"))
    assert found["sparsity"] == pytest.approx(zeros / model.num_parameters)
    integers = sprat.pack(model, "int8", **EXACT)
    assert integers.nbytes < packed.nbytes
    sprat.save(integers, path)
    assert_same_bits(sprat.load(path)(x), integers(x))


@pytest.mark.parametrize("weights", list(formats.FORMATS))
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 33)])
@pytest.mark.parametrize("zeros", [0.0, 0.6, 1.0])
def test_storage_round_trip(weights: str, shape: tuple[int, int], zeros: float) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(-7, 8, shape)
    codes[rng.random(shape) < zeros] = 0
    weight = formats.to_bfloat16(codes) if weights == "bfloat16" else codes.astype(formats.FORMATS[weights])
    layer = PackedLayer(weight, weights=weights)
    nonzeros = storage.stored_nonzeros(layer)
    stored = storage.store(layer)
    assert {name: (array.dtype, array.shape) for name, array in stored.items()} == storage.shapes(
        weights, *shape, nonzeros
    )
    assert_same_bits(storage.restore(weights, *shape, nonzeros, stored), weight)
    if zeros == 1 and weights != "int4":
        assert nonzeros == 0


def test_broken_bits_are_refused() -> None:
    model, _ = pruned([20, 10, 2], 0.8)
    packed = sprat.pack(model, **EXACT)

    def refusal(change: Any) -> str:
        config, arrays = json.loads(json.dumps(packed.config())), {k: v.copy() for k, v in packed.arrays().items()}
        change(config["layers"][0], arrays)
        with pytest.raises(ValueError, match=r"^layers\.0") as caught:
            PackedMLP.from_config(config, arrays)
        return str(caught.value)

    kept = "layers.0.kept"
    assert "wanted" in refusal(lambda layer, arrays: arrays[kept].__setitem__(0, arrays[kept][0] ^ 1))
    assert "no zeros among" in refusal(lambda layer, arrays: arrays["layers.0.weight"].__setitem__(0, 0))
    assert "wanted" in refusal(lambda layer, arrays: layer.update(nonzeros=layer["nonzeros"] - 1))
    assert "wanted" in refusal(lambda layer, arrays: arrays.update({kept: arrays[kept][:-1]}))


@pytest.mark.parametrize("codes", [[[1, 2, 3]], [[0] * 60 + [5]]])
def test_stray_halves_are_refused(codes: list[list[int]]) -> None:
    """Equal models have equal bytes: nothing may hide beside the last code, of a matrix or of what is kept."""
    layer = PackedLayer(
        np.int8(codes), np.ones((1, -(-len(codes[0]) // 32)), np.float32), weights="int4", group_size=32
    )
    packed = PackedMLP([layer])
    arrays = {name: array.copy() for name, array in packed.arrays().items()}
    arrays["layers.0.weight"][..., -1] |= 0x10
    with pytest.raises(ValueError, match=r"^layers\.0\.weight: wanted 0 beside an odd last code"):
        PackedMLP.from_config(packed.config(), arrays)


def test_groups_larger_than_the_inputs() -> None:
    """Up to the largest that a file can say; the native module takes any, and finds one group."""
    model, x = pruned([70, 5], 0.0)
    alike = [sprat.pack(model, "int4", group_size=size, **EXACT) for size in (96, 2**31 - 32)]
    assert_same_bits(alike[0](x), alike[1](x))
    kinds, arrays, _, numbers = alike[0].layers[0].native()
    native = _core.predictor_packed([(kinds, arrays, (70, 2**63 - 32), numbers)])
    out = np.empty((70, 5), np.float32)
    native.run(x, out)
    assert_same_bits(out, alike[0](x))


def test_bfloat16_rounds_half_to_even() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 100_000, np.uint32)
    x = np.concatenate([bits.view(np.float32), np.float32([0.0, -0.0, np.inf, -np.inf, 3.3961e38, 3.4e38])])
    x = x[~np.isnan(x)]
    back = formats.from_bfloat16(formats.to_bfloat16(x)).astype(np.float64)
    upper = formats.from_bfloat16((x.view(np.uint32) >> 16).astype(np.uint16)).astype(np.float64)
    with np.errstate(all="ignore"):
        step = np.abs(
            formats.from_bfloat16(((x.view(np.uint32) >> 16) + 1).astype(np.uint16)).astype(np.float64) - upper
        )
        error = np.abs(back - x.astype(np.float64))
        fine = np.isfinite(step) & np.isfinite(back)
        assert (error[fine] <= step[fine] / 2).all()
    halves = np.uint32([0x3F808000, 0x3F818000]).view(np.float32)
    assert formats.to_bfloat16(halves).tolist() == [0x3F80, 0x3F82]
    assert np.isnan(formats.from_bfloat16(formats.to_bfloat16([np.nan])))[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "int7"}, "weights: wanted one of float32"),
        ({"weights": ["int8"]}, "weights: wanted one for each of 2 layers, got 1"),
        ({"zeros": "few"}, "zeros: wanted one of auto"),
        ({"plan": "best"}, "plan: wanted one of fastest"),
        ({"products": "int8"}, "products: wanted one of float32"),
        ({"group_size": 16}, "group_size: wanted a whole number of at least 32"),
        ({"group_size": 48}, "group_size: wanted a multiple of 32, got 48"),
        ({"group_size": 2**31}, "group_size: wanted a whole number of at most 2147483616"),
        ({"rows": 0}, "rows: wanted a whole number of at least 1"),
        ({"rows": []}, "rows: wanted at least one number of rows, got none"),
        ({"weights": None}, "weights: wanted a name, or one for each layer, got None"),
        ({"zeros": 5}, "zeros: wanted a name, or one for each layer, got 5"),
        ({"calibration": np.ones((2, 6), np.float32)}, "calibration: wanted None where no layer"),
        ({"weights": "int8", "observer": "x"}, "observer: wanted one of"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match="^" + message) as caught:
        sprat.pack(MLP([6, 4, 2]), **arguments)
    assert "\n" not in str(caught.value)


def test_bad_models() -> None:
    with pytest.raises(TypeError, match=r"^model: wanted an nn.MLP, got PackedMLP"):
        sprat.pack(sprat.pack(MLP([2, 2]), **EXACT))  # type: ignore[arg-type]
    model = MLP([2, 2])
    model.params[0] = np.inf
    with pytest.raises(ValueError, match=r"^layers.0.weight: wanted finite numbers, 1 of 4"):
        sprat.pack(model, **EXACT)
    model.params[:] = 1e6
    with pytest.raises(ValueError, match=r"^layers\[0\].weight: wanted finite numbers"):
        sprat.pack(model, "float16")
    wide = MLP([2, 2], dtype="float64")
    wide.params[:] = 1e300
    with pytest.raises(ValueError, match=r"^layers.0.weight: wanted finite numbers, 4 of 4"):
        sprat.pack(wide)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (PackedLayer(np.ones((1, 2), np.int8), np.ones(1, np.float32), None, "relu", 1e300, 0), "input_scale: wanted"),
        (PackedLayer(np.ones((2, 2), np.float32), weights="int8"), "weight_scale: wanted scales"),
        (PackedLayer(np.ones((2, 2), np.float32), np.ones(2, np.float32), weights="float32"), "weight_scale: wanted"),
        (PackedLayer(np.full((2, 2), np.nan, np.float32), weights="float32"), "weight: wanted finite"),
        (PackedLayer(np.ones((2, 2)), weights="float32"), "weight: wanted float32, got float64"),
        (PackedLayer(np.ones((0, 2), np.float32), weights="float32"), "weight: wanted"),
        (
            PackedLayer(np.full((1, 2), 8, np.int8), np.ones((1, 1), np.float32), weights="int4", group_size=32),
            "weight",
        ),
        (PackedLayer(np.ones((1, 2), np.float32), weights="float32", products="bfloat16"), "products: wanted float32"),
        (PackedLayer(np.ones((1, 2), np.float32), weights="float32", zeros="all"), "zeros: wanted one of"),
        (
            PackedLayer(np.ones((1, 2), np.float32), input_scale=1.0, input_zero_point=0, weights="float32"),
            "input_scale",
        ),
    ],
)
def test_bad_layers(layer: PackedLayer, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^layers\[0\]\.{message}"):
        PackedMLP([layer])
