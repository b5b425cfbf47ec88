"""Quantization-aware training: what a step computes, what fit makes of it, and the integer network at the end."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from reference import quantize as reference
from sprat.nn import MLP
from sprat.packing import PackedMLP
from sprat.quantization import QATConfig, QATState, fake_quantize_groups, quantize_model
from support import assert_same_bits, assert_same_everywhere


def spiral(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three arms: no straight line parts them."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 3, n)
    radius = rng.uniform(0.1, 1, n)
    angle = 3 * radius + 2 * np.pi * arm / 3 + rng.normal(0, 0.1, n)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x.astype(np.float32), arm


def fit(model: MLP, **options: Any) -> Any:
    x, y = spiral()
    arguments: dict[str, Any] = {"epochs": 15, "batch_size": 50, "lr": 0.01, "seed": 3, "qat": QATConfig()}
    return sprat.fit(model, x, y, **(arguments | options))


def test_parameters_of_a_step() -> None:
    for dtype in ("float32", "float64"):
        model = MLP([5, 7, 3], seed=1, dtype=dtype)
        model.params[...] += 0.01
        before = model.params.copy()
        state = QATState(model)
        params = state.before_step(0)
        assert_same_bits(model.params, before)
        views = model._layout.views(params)
        quantized = quantize_model(model)
        for index, layer in enumerate(quantized.layers):
            weight = views[f"layers.{index}.weight"]
            codes = reference.quantize(model.parameters()[f"layers.{index}.weight"], layer.weight_scale, 0, 0)
            assert_same_bits(codes, layer.weight)
            assert_same_bits(weight, reference.dequantize(layer.weight, layer.weight_scale, 0, 0, weight.dtype))
            assert_same_bits(views[f"layers.{index}.bias"], model.parameters()[f"layers.{index}.bias"])


def test_ranges_follow_the_moving_average() -> None:
    model = MLP([2, 4, 3], seed=0)
    state = QATState(model, QATConfig(averaging=0.5))
    assert state.input_quant() == [None, None]
    x, y = spiral(40)
    wanted: list[tuple[float, float]] = []
    for step in range(3):
        part = x[step * 10 : step * 10 + 10]
        params = state.before_step(step)
        model.loss_and_gradients(part, y[:10], params=params)
        hidden = model.training_activations(0)
        state.after_step(step)
        found = [(float(a.min()), float(a.max())) for a in (part, hidden)]
        wanted = [
            (low + 0.5 * (new_low - low), high + 0.5 * (new_high - high))
            for (low, high), (new_low, new_high) in zip(wanted or found, found, strict=True)
        ]
    for (low, high), quant in zip(wanted, state.input_quant(), strict=True):
        scale, zero = reference.choose_qparams(np.float32([low]), np.float32([high]), 0, 255, False)
        assert quant == (float(scale[0]), int(zero[0]), 0, 255)
    assert state.convert().layers[1].input_scale == state.input_quant()[1][0]  # type: ignore[index]


def test_fit_learns_and_converts() -> None:
    x_val, y_val = spiral(300, seed=1)
    model = MLP([2, 32, 32, 3], seed=0)
    history = fit(model, validation=(x_val, y_val), epochs=25)
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    quantized = quantize_model(model)
    assert isinstance(quantized, PackedMLP)
    assert quantized.is_static
    assert quantized.loss_name == "cross_entropy"
    scores = sprat.evaluate(quantized, x_val, y_val)
    assert scores["accuracy"] > 0.9
    # Validation measured the integer network itself.
    assert history["val_loss"][-1] == pytest.approx(scores["loss"], rel=1e-12)
    assert history["val_accuracy"][-1] == scores["accuracy"]
    # The real weights keep what lies between the codes.
    weight = model.parameters()["layers.1.weight"]
    assert np.abs(weight - quantized.dequantize().parameters()["layers.1.weight"]).max() > 0


def test_integers_compute_what_was_trained() -> None:
    """Integer inference against the fake-quantized forward pass: float32 rounding, and a few codes one step off."""
    x, _ = spiral(2000, seed=5)
    model = MLP([2, 32, 32, 3], seed=0)
    fit(model)
    quantized = quantize_model(model)
    # forward() quantizes the inputs of the layers; the weights as the integer network has them come as params.
    fake = model.forward(x, params=quantized.dequantize().params)
    integer = quantized(x)
    error = np.abs(fake - integer)
    one_code = quantized.layers[-1].input_scale * np.abs(model.parameters()["layers.2.weight"]).max()  # type: ignore
    assert error.max() <= 3 * one_code
    assert (error <= 1e-5 * np.abs(fake).max()).mean() > 0.95
    assert (fake.argmax(1) == integer.argmax(1)).mean() > 0.995


def test_better_than_post_training_where_weights_are_coarse() -> None:
    """One scale for a whole weight whose rows differ a thousandfold: training makes up for most of what is lost."""
    x, y = spiral()
    trained = MLP([2, 24, 3], seed=0)
    sprat.fit(trained, x, y, epochs=40, batch_size=50, lr=0.02, seed=1)
    weight = trained.parameters()["layers.0.weight"]
    weight[0] *= 60  # one neuron speaks loudly, the next layer listens less: the same function
    trained.parameters()["layers.0.bias"][0] *= 60
    trained.parameters()["layers.1.weight"][:, 0] /= 60
    before = sprat.evaluate(quantize_model(trained, x, weights="per_tensor"), x, y)["loss"]
    fit(trained, qat=QATConfig(weights="per_tensor", averaging=0.1), lr=0.005, epochs=30)
    after = sprat.evaluate(quantize_model(trained, weights="per_tensor"), x, y)["loss"]
    assert after < 0.7 * before


def test_same_bits_everywhere() -> None:
    def train() -> list[Any]:
        model = MLP([2, 16, 3], seed=0, dropout=0.2)
        fit(model, epochs=2)
        return [model.params, np.array(model.input_quant)]

    assert_same_everywhere(train, threads=(1, 2))


def test_resume_gives_the_bits_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole, parts = MLP([2, 8, 3], seed=0), MLP([2, 8, 3], seed=0)
    fit(whole, epochs=4)
    path = tmp_path / "run.safetensors"
    fit(parts, epochs=2, checkpoint=path)
    again = MLP([2, 8, 3], seed=9)
    fit(again, epochs=4, checkpoint=path, resume=True)
    assert_same_bits(again.params, whole.params)
    assert again.input_quant == whole.input_quant


def test_start_and_freeze() -> None:
    plain, late = MLP([2, 8, 3], seed=0), MLP([2, 8, 3], seed=0)
    fit(plain, epochs=2, qat=None)
    fit(late, epochs=2, qat=QATConfig(start_step=24))  # 12 steps an epoch: it never starts
    assert_same_bits(late.params, plain.params)
    assert late.input_quant is None
    early, frozen = MLP([2, 8, 3], seed=0), MLP([2, 8, 3], seed=0)
    fit(early, epochs=1, qat=QATConfig(freeze_step=3))
    fit(frozen, epochs=2, qat=QATConfig(freeze_step=3))
    assert frozen.input_quant == early.input_quant
    assert not np.array_equal(frozen.params, early.params)


def test_pruned_weights_stay_zero() -> None:
    model = MLP([2, 16, 3], seed=0)
    sprat.prune.magnitude(model, sparsity=0.5)
    masks = {name: mask.copy() for name, mask in model.masks.items()}
    fit(model, epochs=2)
    layers = quantize_model(model).layers
    for name, mask in masks.items():
        assert not layers[int(name.split(".")[1])].weight[mask == 0].any()


def test_float_model_again() -> None:
    x, _ = spiral(20)
    model = MLP([2, 8, 3], seed=0)
    fit(model, epochs=1)
    with pytest.raises(ValueError, match="quantization-aware"):
        sprat.Predictor(model)
    with pytest.raises(ValueError, match=r"^calibration: wanted None"):
        quantize_model(model, x)
    model.input_quant = None
    assert not quantize_model(model).is_static
    sprat.Predictor(model)


def test_refusals() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"weights": "per_row"}, "weights: wanted one of"),
        ({"averaging": 0.0}, "averaging: wanted"),
        ({"weights": "int4", "group_size": 16}, "group_size: wanted"),
        ({"start_step": -1}, "start_step: wanted"),
        ({"freeze_step": -1}, "freeze_step: wanted"),
    ]
    for options, message in cases:
        with pytest.raises(ValueError, match="^" + message):
            QATConfig(**options)
    with pytest.raises(TypeError, match=r"^model: wanted an nn.MLP"):
        QATState(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^convert: no step"):
        QATState(MLP([2, 2])).convert()
    state = QATState(MLP([2, 2]))
    with pytest.raises(ValueError, match=r"^qat: wanted ranges of 1 layers, got 2"):
        state.load_state_dict({"observers": [{}, {}]})


def test_activations_that_are_not_finite_change_no_range() -> None:
    model = MLP([2, 4, 2], seed=0)
    state = QATState(model)
    model.loss_and_gradients([[1.0, 2.0]], [0], params=state.before_step(0))
    state.after_step(0)
    before = state.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.loss_and_gradients([[np.nan, 2.0]], [0], params=state.before_step(1))
    with pytest.raises(FloatingPointError, match="layer 0"):
        state.after_step(1)
    assert state.state_dict() == before


def test_int4_parameters_of_a_step() -> None:
    for dtype in ("float32", "float64"):
        model = MLP([70, 9, 3], seed=1, dtype=dtype)
        state = QATState(model, QATConfig("int4", group_size=32))
        views = model._layout.views(state.before_step(0))
        for name, weight in model.parameters().items():
            wanted = fake_quantize_groups(weight, 32) if name.endswith("weight") else weight
            assert_same_bits(views[name], wanted)


def test_int4_learns_and_packs() -> None:
    x_val, y_val = spiral(300, seed=1)
    model = MLP([2, 64, 64, 3], seed=0)
    fit(model, epochs=25, qat=None)
    history = fit(model, validation=(x_val, y_val), epochs=10, lr=3e-3, qat=QATConfig("int4", averaging=0.1))
    packed = sprat.pack(model, "int4", plan="as asked", zeros="dense")
    assert packed.is_static
    assert {layer.weights for layer in packed.layers} == {"int4"}
    scores = sprat.evaluate(packed, x_val, y_val)
    assert scores["accuracy"] > 0.9
    assert history["val_loss"][-1] == pytest.approx(scores["loss"], rel=1e-12)
    fake = model.forward(x_val, params=packed.dequantize().params)
    assert (fake.argmax(1) == packed(x_val).argmax(1)).mean() > 0.99


def test_int4_training_makes_up_for_most_of_what_rounding_loses() -> None:
    data = sprat.demo.digits()
    model = MLP([64, 48, 10], seed=0)
    sprat.fit(model, *data.train, epochs=20, lr=2e-3, batch_size=32)

    def loss(trained: MLP, **options: Any) -> float:
        packed = sprat.pack(trained, "int4", group_size=64, plan="as asked", zeros="dense", **options)
        return sprat.evaluate(packed, *data.test)["loss"]

    real, rounded = sprat.evaluate(model, *data.test)["loss"], loss(model, calibration=data.train[0])
    sprat.fit(model, *data.train, epochs=8, lr=5e-4, batch_size=32, qat=QATConfig("int4", group_size=64))
    assert loss(model) < real + 0.5 * max(rounded - real, 0.02)
