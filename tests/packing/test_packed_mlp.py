"""Integer networks: the bits of the plain simulation, on every instruction set, however rows are cut."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import sprat
from reference import packed_mlp as simulation
from sprat.nn import MLP
from sprat.packing import PackedLayer, PackedMLP
from sprat.quantization import quantize_model, report
from support import assert_same_bits, assert_same_everywhere, misaligned, unchanged

MAX_K = 65793
MODES = ["static", "dynamic"]


def make(sizes: list[int], mode: str, seed: int = 0, **options: Any) -> tuple[PackedMLP, np.ndarray]:
    rng = np.random.default_rng(seed)
    model = MLP(sizes, seed=seed, **options)
    for name, view in model.parameters().items():
        if name.endswith("bias"):
            view[...] = rng.standard_normal(view.shape)
    x = (rng.standard_normal((65, sizes[0])) * 2).astype(np.float32)
    return quantize_model(model, x if mode == "static" else None), x


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "sizes", [[1, 1], [10, 16, 1], [3, 5, 7, 2], [64, 64, 64, 10], [33, 17, 65, 31], [15, 129, 16], [200, 30]]
)
def test_simulation(isa: str, sizes: list[int], mode: str) -> None:
    model, x = make(sizes, mode)
    assert_same_bits(model(x), simulation.forward(model, x))
    for layer in range(len(sizes) - 1):
        assert_same_bits(model.hidden(x, layer), simulation.forward(model, x, layer + 1))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("weights", [["int4"] * 3, ["int8", "int4", "int8"], ["int4", "int8", "int4"]])
@pytest.mark.parametrize("sizes", [[5, 7, 3, 1], [64, 96, 33, 10], [129, 40, 65, 17], [31, 32, 100, 2]])
def test_simulation_of_int4(isa: str, sizes: list[int], weights: list[str], mode: str) -> None:
    rng = np.random.default_rng(5)
    model = MLP(sizes, seed=3)
    for name, view in model.parameters().items():
        if name.endswith("bias"):
            view[...] = rng.standard_normal(view.shape)
    x = (rng.standard_normal((19, sizes[0])) * 2).astype(np.float32)
    packed = sprat.pack(model, weights, plan="as asked", calibration=x if mode == "static" else None)
    assert_same_bits(packed(x), simulation.forward(packed, x))
    for layer in range(len(sizes) - 1):
        assert_same_bits(packed.hidden(x, layer), simulation.forward(packed, x, layer + 1))
    assert_same_bits(np.concatenate([packed(x[i : i + 1]) for i in range(x.shape[0])]), packed(x))


@pytest.mark.parametrize("mode", MODES)
def test_blocks_of_zeros_change_no_bit(isa: str, mode: str) -> None:
    rng = np.random.default_rng(2)
    for sizes in [[3, 5, 2], [40, 70, 33, 5], [130, 17, 64, 1]]:
        model = MLP(sizes, seed=1)
        for name, view in model.parameters().items():
            if name.endswith("weight"):
                for first in range(0, view.shape[0], 16):
                    kept = rng.random(-(-view.shape[1] // 4)) < 0.3
                    view[first : first + 16] *= np.repeat(kept, 4)[: view.shape[1]]
        x = rng.standard_normal((19, sizes[0])).astype(np.float32)
        calibration = x if mode == "static" else None
        dense = sprat.pack(model, "int8", zeros="dense", calibration=calibration, plan="as asked")
        blocks = sprat.pack(model, "int8", zeros="blocks", calibration=calibration, plan="as asked")
        assert blocks.layers[0].zeros == "blocks"
        for rows in [1, 2, 3, 5, 8, 19]:
            assert_same_bits(blocks(x[:rows]), dense(x[:rows]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("activation", sprat.nn.activations.NAMES)
def test_every_activation(activation: str, mode: str) -> None:
    model, x = make([12, 20, 6], mode, activation=activation, output_activation=activation)
    assert_same_bits(model(x), simulation.forward(model, x))


@pytest.mark.parametrize("mode", MODES)
def test_every_number_of_rows(isa: str, mode: str) -> None:
    model, x = make([20, 40, 5], mode)
    whole = model(x)
    for rows in [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 64]:
        assert_same_bits(model(x[:rows]), whole[:rows])
    one_by_one = np.concatenate([model(x[i : i + 1]) for i in range(x.shape[0])])
    assert_same_bits(one_by_one, whole)


@pytest.mark.parametrize("mode", MODES)
def test_same_bits_everywhere(mode: str) -> None:
    model, _ = make([50, 70, 9], mode, activation="gelu")
    x = np.random.default_rng(1).standard_normal((1500, 50)).astype(np.float32)
    assert_same_everywhere(lambda: model(x))
    predict = sprat.Predictor(model)
    assert_same_everywhere(lambda: predict(x))


def test_exact_sums_against_int64(isa: str) -> None:
    """Any codes, sums below 2^24: float32 holds them exactly, so the output is the sum itself."""
    rng = np.random.default_rng(3)
    for k, n in [(1, 1), (5, 3), (63, 17), (64, 16), (255, 33), (500, 40)]:
        weight = rng.integers(-128, 128, (n, k)).astype(np.int8)
        codes = rng.integers(0, 256, (9, k))
        model = PackedMLP([PackedLayer(weight, np.ones(n, np.float32), None, "identity", 1.0, 0)])
        assert_same_bits(model(codes.astype(np.float32)), (codes @ weight.T.astype(np.int64)).astype(np.float32))


@pytest.mark.parametrize("weight", [-128, 127])
def test_worst_case_at_the_largest_k(isa: str, weight: int) -> None:
    """255 * -128 in every product: the sum of 65793 of them just fits 32 bits."""
    layer = PackedLayer(np.full((3, MAX_K), weight, np.int8), np.ones(3, np.float32), None, "identity", 1.0, 0)
    x = np.full((2, MAX_K), 255, np.float32)
    expected = np.float32(255 * weight * MAX_K)
    assert_same_bits(PackedMLP([layer])(x), np.full((2, 3), expected))
    # With zero point 255 each code 255 means 0, and each code 0 means -255.
    shifted = PackedMLP([PackedLayer(layer.weight, layer.weight_scale, None, "identity", 1.0, 255)])
    assert_same_bits(shifted(np.zeros((1, MAX_K), np.float32)), np.zeros((1, 3), np.float32))
    assert_same_bits(shifted(np.full((1, MAX_K), -255, np.float32)), np.full((1, 3), -expected))


def test_k_beyond_the_bound_is_refused() -> None:
    layer = PackedLayer(np.zeros((1, MAX_K + 1), np.int8), np.ones(1, np.float32), None, "identity")
    with pytest.raises(ValueError, match=r"^layers\[0\].in_features: wanted 1 to 65793"):
        PackedMLP([layer])


def test_negative_weights_without_counterpart(isa: str) -> None:
    """-128 never comes from quantize_model, but a file may hold it."""
    rng = np.random.default_rng(0)
    weight = rng.choice(np.int8([-128, -127, 127]), (20, 30))
    model = PackedMLP([PackedLayer(weight, np.full(20, 0.01, np.float32), None, "relu")])
    x = rng.standard_normal((10, 30)).astype(np.float32)
    assert_same_bits(model(x), simulation.forward(model, x))


@pytest.mark.parametrize("mode", MODES)
def test_extreme_inputs(isa: str, mode: str) -> None:
    """NaN counts as 0, infinities saturate; rows do not touch each other; huge, tiny and constant rows are fine."""
    model, x = make([7, 9, 4], mode)
    x = x[:12].copy()
    x[0, 3] = np.nan
    x[1, 2], x[1, 5] = np.inf, -np.inf
    x[2] = np.nan
    x[3] = np.inf
    x[4] = 0
    x[5] = 5
    x[6] = -5
    x[7] = 3e38
    x[8] *= np.float32(1e-42)
    x[9, 0], x[9, 1] = 3e38, -3e38
    y = model(x)
    assert_same_bits(y, simulation.forward(model, x))
    without_nan = x.copy()
    without_nan[0, 3] = 0
    without_nan[2] = 0
    assert_same_bits(model(without_nan[[0, 2]]), y[[0, 2]])
    assert_same_bits(model(x[10:]), y[10:])


def test_accuracy_of_a_trained_network() -> None:
    """Against the float model: 8 bits leave more than 30 dB, and hardly a class changes."""
    rng = np.random.default_rng(5)
    model = MLP([30, 100, 50, 10], seed=2)
    x = rng.standard_normal((2000, 30)).astype(np.float32)
    for calibration, weights, least in [(x[:500], "per_channel", 30), (None, "per_channel", 32), (x, "per_tensor", 28)]:
        quantized = quantize_model(model, calibration, weights=weights)
        result = report(model, quantized, x[500:])
        assert result.layers[-1].snr > least
        assert (quantized(x).argmax(1) == model(x).argmax(1)).mean() > 0.95
        assert result.quantized_bytes < result.float_bytes / 2.8
        assert quantized.nbytes == result.quantized_bytes


def test_weights_and_dequantize() -> None:
    model = MLP([20, 30, 5], seed=4)
    weight = model.parameters()["layers.0.weight"]
    weight[3] = 0
    weight[5, 2:] = 0
    quantized = quantize_model(model)
    layer = quantized.layers[0]
    assert layer.weight.min() >= -127
    assert (np.abs(layer.weight).max(axis=1)[np.arange(30) != 3] == 127).all()
    assert not layer.weight[3].any()
    assert layer.weight_scale[3] == 1
    assert (layer.weight[weight == 0] == 0).all()  # what was pruned stays pruned
    back = quantized.dequantize()
    assert isinstance(back, MLP)
    for name, view in back.parameters().items():
        original = model.parameters()[name]
        if name.endswith("bias"):
            assert_same_bits(view, original)
        else:
            assert (np.abs(view - original) <= 0.5001 * np.abs(original).max(axis=1, keepdims=True) / 127).all()
    per_tensor = quantize_model(model, weights="per_tensor").layers[0]
    assert np.unique(per_tensor.weight_scale).size == 1
    # Quantizing the dequantized model gives the same codes.
    again = quantize_model(back)
    for name, array in quantized.arrays().items():
        assert_same_bits(again.arrays()[name], array)


def test_float64_and_no_bias() -> None:
    model = MLP([6, 8, 2], seed=1, dtype="float64", bias=False)
    quantized = quantize_model(model)
    assert quantized.dtype == np.float32
    assert quantized.layers[0].bias is None
    x = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
    assert_same_bits(quantized(x), simulation.forward(quantized, x))
    assert np.abs(quantized(x) - model(x)).max() < 0.1


def test_config_arrays_and_pickle() -> None:
    model, x = make([6, 8, 3], "static")
    model.loss_name = "cross_entropy"
    config, arrays = model.config(), model.arrays()
    assert list(arrays) == [
        "layers.0.weight",
        "layers.0.weight_scale",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.weight_scale",
        "layers.1.bias",
    ]
    import json

    for same in (PackedMLP.from_config(json.loads(json.dumps(config)), arrays), pickle.loads(pickle.dumps(model))):
        assert_same_bits(same(x), model(x))
        assert same.loss_name == "cross_entropy"
        assert same.config() == config
        assert_same_bits(same.predict(x), model.predict(x))
        assert_same_bits(same.predict_proba(x), model.predict_proba(x))
    for same in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        with pytest.raises(ValueError, match="read-only"):
            same.layers[0].weight[0, 0] = 1
    for layer in (None, "0", 1.0, True, 2, -3):
        with pytest.raises(ValueError, match="^layer: wanted 0 to 1, got"):
            model.hidden(x, layer)  # type: ignore[arg-type]
    assert_same_bits(PackedMLP(layer for layer in model.layers)(x), model(x))  # type: ignore[arg-type]


def broken(model: PackedMLP, change: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    config, arrays = model.config(), {name: array.copy() for name, array in model.arrays().items()}
    change(config, arrays)
    return config, arrays


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, a: a.pop("layers.1.bias"), "arrays: 'layers.1.bias' is missing"),
        (lambda c, a: a.update(extra=np.zeros(1)), "arrays: there is no 'extra'"),
        (lambda c, a: a["layers.0.weight_scale"].__setitem__(2, np.nan), r"layers\[0\].weight_scales\[2\]: wanted"),
        (lambda c, a: a["layers.0.weight_scale"].__setitem__(0, 0), r"layers\[0\].weight_scales\[0\]: wanted"),
        (lambda c, a: a["layers.0.bias"].__setitem__(1, np.inf), r"layers\[0\].bias\[1\]: wanted a finite"),
        (lambda c, a: c["layers"][1].update(input_scale=-1.0), r"layers\[1\].input_scale: wanted"),
        (lambda c, a: c["layers"][1].update(input_scale=float("inf")), r"layers\[1\].input_scale: wanted"),
        (lambda c, a: c["layers"][1].update(input_zero_point=256), r"layers\[1\].input_zero_point: wanted 0 to 255"),
        (lambda c, a: c["layers"][1].update(input_zero_point=None), r"layers\[1\]: wanted input_scale and"),
        (lambda c, a: c["layers"][0].update(activation="relux"), r"layers\[0\].activation: there is no 'relux'"),
        (lambda c, a: c["layers"][0].update(in_features=7), r"layers.0.weight: wanted int8 \(8, 7\)"),
        (lambda c, a: a.update({"layers.0.bias": np.zeros(9, np.float32)}), r"layers\[0\].bias: wanted shape \(8,\)"),
        (lambda c, a: a.update({"layers.0.bias": np.zeros(8)}), r"layers\[0\].bias: wanted float32, got float64"),
        (
            lambda c, a: a.update({"layers.0.weight": np.zeros((8, 6))}),
            r"layers.0.weight: wanted int8 \(8, 6\), got float64",
        ),
        (lambda c, a: c["layers"].clear() or a.clear(), "layers: wanted 1 to"),
    ],
)
def test_broken_configurations_are_refused(change: Any, message: str) -> None:
    model, _ = make([6, 8, 3], "static")
    config, arrays = broken(model, change)
    with pytest.raises((ValueError, TypeError), match="^" + message) as caught:
        PackedMLP.from_config(config, arrays)
    assert "\n" not in str(caught.value)


def test_layers_must_chain() -> None:
    a, b = (PackedLayer(np.ones((2, k), np.int8), np.ones(2, np.float32), None, "relu") for k in (3, 4))
    with pytest.raises(ValueError, match=r"^layers\[1\].in_features: wanted 2, the out_features before it, got 4"):
        PackedMLP([a, b])


@pytest.mark.parametrize("mode", MODES)
def test_any_layout_of_an_input(mode: str) -> None:
    model, x = make([6, 8, 3], mode)
    expected = model(x)
    layouts = [np.asfortranarray(x), x.astype(">f4"), misaligned(x), np.repeat(x, 2, 1)[:, ::2], x.astype(float)]
    for other in [*layouts, x.tolist()]:
        assert_same_bits(model(other), expected)


def test_bad_out_changes_nothing() -> None:
    model, x = make([6, 8, 3], "dynamic")
    read_only = np.zeros((65, 3), np.float32)
    read_only.flags.writeable = False
    for out in [np.zeros((65, 4), np.float32), np.zeros((65, 3)), np.zeros((3, 65), np.float32).T, read_only]:
        check = unchanged(out)
        with pytest.raises((ValueError, TypeError), match=r"^out: wanted"):
            model(x, out=out)
        check()
    with pytest.raises(ValueError, match=r"^x: wanted shape \(rows, 6\), got \(65, 5\)"):
        model(x[:, :5])


def test_one_predictor_many_threads() -> None:
    model, x = make([20, 64, 8], "dynamic")
    predict = sprat.Predictor(model)
    expected = model(x)
    wrong: list[int] = []

    def work(start: int) -> None:
        out = np.empty((1, 8), np.float32)
        for i in range(200):
            row = (start + i) % 65
            predict(x[row : row + 1], out=out)
            if out.tobytes() != expected[row : row + 1].tobytes():
                wrong.append(row)

    workers = [threading.Thread(target=work, args=(7 * i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("calibration", "error", "message"),
    [
        (np.zeros((0, 6), np.float32), ValueError, "calibration: wanted at least one row"),
        ([], ValueError, "calibration: wanted at least one row"),
        (np.full((3, 6), np.nan, np.float32), ValueError, "calibration: wanted finite numbers, 18 of 18"),
        (5, TypeError, "calibration: wanted rows or an iterable of batches, got int"),
        (np.zeros((3, 5), np.float32), ValueError, r"x: wanted shape \(rows, 6\)"),
    ],
)
def test_bad_calibration(calibration: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message):
        quantize_model(MLP([6, 4]), calibration)


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match=r"^model: wanted an nn.MLP, got int"):
        quantize_model(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^weights: wanted one of per_channel, per_tensor, got 'per_row'"):
        quantize_model(MLP([2, 2]), weights="per_row")
    with pytest.raises(ValueError, match=r"^observer: wanted one of minmax, .*, got 'best'"):
        quantize_model(MLP([2, 2]), observer="best")
    model = MLP([2, 2])
    model.params[0] = np.nan
    with pytest.raises(ValueError, match=r"^layers.0.weight: wanted finite numbers, 1 of 4"):
        quantize_model(model)


def test_calibration_in_batches_is_calibration_at_once() -> None:
    model = MLP([6, 8, 3], seed=0)
    x = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    for observer in ["minmax", "percentile", "mse", "entropy"]:
        whole = quantize_model(model, x, observer=observer)
        parts = quantize_model(model, (x[i : i + 7] for i in range(0, 50, 7)), observer=observer)
        assert whole.config() == parts.config()


def test_report() -> None:
    model = MLP([6, 8, 3], seed=0)
    x = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    exact = quantize_model(model).dequantize()
    same = report(exact, quantize_model(exact), x)
    assert all(layer.weight_snr == np.inf for layer in same.layers)
    narrow = report(model, quantize_model(model, x / 10), x)
    assert narrow.layers[0].saturated > 0.5
    assert narrow.layers[-1].snr < same.layers[-1].snr
    assert len(str(narrow).splitlines()) == 4
    with pytest.raises(ValueError, match="same layers"):
        report(MLP([6, 9, 3]), quantize_model(model), x)
