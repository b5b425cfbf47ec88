"""Fake quantization of a layer's input: the seam of quantization-aware training."""

from __future__ import annotations

import numpy as np
import pytest

import sprat
from sprat import nn
from support import assert_same_everywhere

QUANT = (0.05, 3, -128, 127)


def fake(x: np.ndarray, scale: float, zero_point: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """dequantize(quantize(x)) and where nothing saturated."""
    code = np.round(np.asarray(x, np.float64) / scale) + zero_point
    return (np.clip(code, low, high) - zero_point) * scale, (code >= low) & (code <= high)


def network(dtype: str = "float64") -> nn.MLP:
    return nn.MLP([6, 9, 4], activation="tanh", dtype=dtype, seed=0)


def test_forward_sees_quantized_inputs() -> None:
    model, plain = network(), network()
    x = np.random.default_rng(0).standard_normal((11, 6)) * 5
    model.input_quant = [QUANT, None]
    np.testing.assert_allclose(model(x), plain(fake(x, *QUANT)[0]), rtol=1e-13)
    model.input_quant = [None, (0.01, 0, 0, 255)]
    hidden = fake(plain.hidden(x, 0), 0.01, 0, 0, 255)[0]
    weight, bias = plain.parameters()["layers.1.weight"], plain.parameters()["layers.1.bias"]
    for output in (model(x), model.forward(x, training=True)):
        np.testing.assert_allclose(output, hidden @ weight.T + bias, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(model.hidden(x, 0), plain.hidden(x, 0), rtol=1e-15)


def test_the_gradient_passes_where_nothing_saturates() -> None:
    model = network()
    model.input_quant = [QUANT, (0.02, -5, -30, 20)]
    x = np.random.default_rng(0).standard_normal((11, 6)) * 5
    grad = np.random.default_rng(1).standard_normal((11, 4))
    params = model.parameters()
    first, first_inside = fake(x, *QUANT)
    hidden = np.tanh(first @ params["layers.0.weight"].T + params["layers.0.bias"])
    second, second_inside = fake(hidden, 0.02, -5, -30, 20)
    assert 0 < second_inside.mean() < 1
    assert 0 < first_inside.mean() < 1
    dz = (grad @ params["layers.1.weight"]) * second_inside * (1 - hidden**2)
    model.forward(x, training=True)
    grad_x = np.empty_like(x)
    gradients = model.backward(grad, grad_x=grad_x)
    np.testing.assert_allclose(gradients["layers.1.weight"], grad.T @ second, rtol=1e-12)
    np.testing.assert_allclose(gradients["layers.0.weight"], dz.T @ first, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradients["layers.0.bias"], dz.sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(grad_x, (dz @ params["layers.0.weight"]) * first_inside, rtol=1e-11, atol=1e-13)


def test_is_the_formula_of_quantize() -> None:
    model = nn.MLP.from_layers([nn.LayerSpec(1, 1, "identity", False)], [1.0])
    x = np.linspace(-8, 8, 500, dtype=np.float32).reshape(-1, 1)
    model.input_quant = [QUANT]
    q = sprat.quantization.quantize(x, np.float32(0.05), 3)
    assert (model(x) == sprat.quantization.dequantize(q, np.float32(0.05), 3)).all()


def test_same_bits_everywhere() -> None:
    model = network("float32")
    model.input_quant = [QUANT, (0.02, -5, -30, 20)]
    x = np.random.default_rng(0).standard_normal((70, 6)) * 5
    y = np.arange(70) % 4

    def step() -> list[np.ndarray]:
        loss, gradients = model.loss_and_gradients(x, y)
        return [model(x), np.array(loss), gradients.flat]

    assert_same_everywhere(step)


@pytest.mark.parametrize(
    ("quant", "message"),
    [
        ([QUANT], "input_quant: wanted one item for each layer"),
        ([(0.0, 0, 0, 255), None], r"input_quant\[0\].scale: wanted a positive number, got 0"),
        ([(np.nan, 0, 0, 255), None], r"input_quant\[0\].scale: wanted a positive number, got -?nan"),
        ([None, (1.0, 0, 5, 5)], r"input_quant\[1\]: wanted quant_min < quant_max, got 5 and 5"),
    ],
)
def test_bad_quantization(quant: list[tuple[float, int, int, int] | None], message: str) -> None:
    model = network()
    model.input_quant = quant
    with pytest.raises(ValueError, match=f"^{message}$"):
        model(np.zeros((1, 6)))


def test_a_predictor_wants_a_finished_model() -> None:
    model = network()
    model.input_quant = [QUANT, None]
    with pytest.raises(
        ValueError, match="^predictor: the model is under quantization-aware training; quantize it first$"
    ):
        sprat.Predictor(model)
