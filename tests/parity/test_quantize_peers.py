"""The same codes as onnxruntime, and as torch but at the halves that it rounds in another order."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from sprat import runtime
from sprat.nn import MLP
from sprat.quantization import (
    MovingAverage,
    QATState,
    choose_qparams,
    dequantize,
    fake_quantize,
    quantize,
    quantize_model,
    value_range,
)
from support import assert_same_bits


def onnx_run(op: str, inputs: dict[str, np.ndarray], outputs: dict[str, Any], **attributes: Any) -> list[np.ndarray]:
    onnx = pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    helper = onnx.helper
    types = {name: helper.np_dtype_to_tensor_dtype(a.dtype) for name, a in inputs.items()}
    graph = helper.make_graph(
        [helper.make_node(op, list(inputs), list(outputs), **attributes)],
        "one",
        [helper.make_tensor_value_info(n, types[n], a.shape) for n, a in inputs.items()],
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(t)), None)
            for n, t in outputs.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return ort.InferenceSession(model.SerializeToString()).run(None, inputs)


def data(rng: np.random.Generator, shape: Any) -> np.ndarray:
    x = (rng.standard_normal(shape) * 3).astype(np.float32)
    return np.where(rng.random(shape) < 0.3, (np.rint(x) + 0.5) * 0.0625, x).astype(np.float32)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_onnxruntime_per_tensor(rng: np.random.Generator, dtype: str) -> None:
    for scale in np.float32([0.0625, 0.037, 1e-3, 1.7]):
        for zero in (0, 3, 127):
            x = data(rng, 1001)
            inputs = {"x": x, "s": np.array(scale), "z": np.array(zero, dtype)}
            (q,) = onnx_run("QuantizeLinear", inputs, {"y": dtype})
            assert_same_bits(quantize(x, scale, zero, dtype=dtype), q)
            (back,) = onnx_run("DequantizeLinear", {"x": q, "s": inputs["s"], "z": inputs["z"]}, {"y": np.float32})
            assert_same_bits(dequantize(q, scale, zero), back)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_onnxruntime_per_channel(rng: np.random.Generator, axis: int) -> None:
    x = data(rng, (5, 6, 7))
    scale = rng.uniform(0.01, 0.1, x.shape[axis]).astype(np.float32)
    zero = rng.integers(-128, 128, x.shape[axis]).astype(np.int8)
    (q,) = onnx_run("QuantizeLinear", {"x": x, "s": scale, "z": zero}, {"y": np.int8}, axis=axis)
    assert_same_bits(quantize(x, scale, zero, axis=axis), q)
    (back,) = onnx_run("DequantizeLinear", {"x": q, "s": scale, "z": zero}, {"y": np.float32}, axis=axis)
    assert_same_bits(dequantize(q, scale, zero, axis=axis), back)


def test_onnxruntime_dynamic(rng: np.random.Generator) -> None:
    for low, high in [(-1, 1), (0, 5), (-3, 0), (2, 3), (-7, -6), (-1e-3, 1e3)]:
        x = rng.uniform(low, high, 333).astype(np.float32)
        outputs = {"y": np.uint8, "scale": np.float32, "zero": np.uint8}
        q, wanted_scale, wanted_zero = onnx_run("DynamicQuantizeLinear", {"x": x}, outputs)
        scale, zero = choose_qparams(*value_range(x), "uint8")
        assert_same_bits(scale, wanted_scale)
        assert_same_bits(zero, wanted_zero)
        assert_same_bits(quantize(x, scale, zero, dtype="uint8"), q)


def torch_codes(x: np.ndarray, scale: Any, zero: Any, axis: int | None, dtype: str) -> np.ndarray:
    torch = pytest.importorskip("torch")
    kind = {"int8": torch.qint8, "uint8": torch.quint8}[dtype]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its quantized tensors deprecated
        if axis is None:
            q = torch.quantize_per_tensor(torch.from_numpy(x), float(scale), int(zero), kind)
        else:
            q = torch.quantize_per_channel(
                torch.from_numpy(x), torch.from_numpy(np.float64(scale)), torch.from_numpy(np.int64(zero)), axis, kind
            )
        return q.int_repr().numpy()


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_torch(rng: np.random.Generator, axis: int | None, dtype: str) -> None:
    """torch computes round(zero_point + x * (1 / scale)). Its codes differ by one where that sum lies at a half."""
    x = data(rng, (40, 50))
    channels = 1 if axis is None else x.shape[axis]
    scale = rng.uniform(0.01, 0.1, channels).astype(np.float32)
    zero = rng.integers(3, 100, channels)
    if axis is None:
        scale, zero = scale[0], zero[0]
    ours = quantize(x, scale, zero, axis=axis, dtype=dtype)
    theirs = torch_codes(x, scale, zero, axis, dtype)
    shape = [-1 if a == axis else 1 for a in range(2)]
    quotient = x.astype(np.float64) / np.float64(scale).reshape(shape if axis is not None else ())
    away = np.abs(quotient - np.floor(quotient) - 0.5) > 1e-4
    assert away.mean() > 0.9
    assert_same_bits(ours[away], theirs[away])
    assert (np.abs(ours.astype(int) - theirs.astype(int)) <= 1).all()


def test_torch_fake_quantize(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    x = (rng.standard_normal((30, 40)) * 10).astype(np.float32)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = torch.fake_quantize_per_tensor_affine(leaf, 0.125, 4, -128, 127)  # 1 / scale is exact: no halves apart
    y.sum().backward()
    ours, inside = fake_quantize(x, 0.125, 4, return_mask=True)
    assert_same_bits(ours, y.detach().numpy())
    assert_same_bits(inside.astype(np.float32), leaf.grad.numpy())


@pytest.mark.parametrize("symmetric", [False, True])
def test_torch_observer(rng: np.random.Generator, symmetric: bool) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.quantization import MinMaxObserver

        scheme = torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine
        for low, high in [(-1.0, 2.0), (0.0, 3.0), (-4.0, -1.0), (1.0, 2.0)]:
            x = rng.uniform(low, high, 200).astype(np.float32)
            observer = MinMaxObserver(dtype=torch.quint8, qscheme=scheme)
            observer(torch.from_numpy(x))
            wanted_scale, wanted_zero = observer.calculate_qparams()
            scale, zero = choose_qparams(*value_range(x), "uint8", symmetric)
            assert_same_bits(scale.reshape(1), wanted_scale.numpy())
            assert abs(int(zero) - int(wanted_zero)) <= 1  # torch rounds min / scale, then subtracts


def test_flush_to_zero_of_another_library_changes_nothing() -> None:
    torch = pytest.importorskip("torch")
    scale = np.float32(1e-40)
    x = np.float32([1, -1, 3]) * scale
    expected = quantize(x, scale)
    assert expected.tolist() == [1, -1, 3]
    if not torch.set_flush_denormal(True):
        pytest.skip("this CPU has no flush-to-zero mode")
    try:
        assert runtime.float_mode()["flush_to_zero"]
        assert_same_bits(quantize(x, scale), expected)
        assert_same_bits(dequantize(expected, scale), x)
    finally:
        torch.set_flush_denormal(False)


def test_moving_average_torch() -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.quantization import MovingAverageMinMaxObserver

        theirs = MovingAverageMinMaxObserver(averaging_constant=0.01)
    ours = MovingAverage()
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.standard_normal(100).astype(np.float32)
        theirs(torch.from_numpy(x))
        ours.observe(x)
    np.testing.assert_allclose(ours.range(), [theirs.min_val.item(), theirs.max_val.item()], rtol=1e-5)


def test_gradient_passes_straight_through_as_in_torch() -> None:
    torch = pytest.importorskip("torch")
    model = MLP([6, 8, 4], seed=2)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((32, 6)).astype(np.float32)
    y = rng.integers(0, 4, 32)
    state = QATState(model)
    for step in range(2):  # the second step has ranges; the first batch is narrower, so inputs saturate
        params = state.before_step(step)
        loss, gradients = model.loss_and_gradients(x if step else x[:8] * 0.5, y if step else y[:8], params=params)
        if step == 0:
            state.after_step(step)
    quants = model.input_quant
    assert quants is not None

    leaves = {name: torch.from_numpy(view.copy()).requires_grad_() for name, view in model.parameters().items()}
    value = torch.from_numpy(x)
    saturated = 0
    for index, quant in enumerate(quants):
        assert quant is not None
        scale, zero, low, high = quant
        saturated += int((value / scale + zero > 255.5).sum())
        value = torch.fake_quantize_per_tensor_affine(value, scale, zero, low, high)
        weight = leaves[f"layers.{index}.weight"]
        scales = weight.detach().abs().amax(dim=1) / 127
        weight = torch.fake_quantize_per_channel_affine(weight, scales, torch.zeros(len(scales)).int(), 0, -127, 127)
        value = torch.nn.functional.linear(value, weight, leaves[f"layers.{index}.bias"])
        if index == 0:
            value = torch.relu(value)
    assert saturated > 0
    wanted = torch.nn.functional.cross_entropy(value, torch.from_numpy(y))
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-5)
    for name, leaf in leaves.items():
        np.testing.assert_allclose(gradients[name], leaf.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("rows", [1, 5])
def test_onnxruntime_integer_layer(rng: np.random.Generator, rows: int) -> None:
    """MatMulInteger gives the same sums; scales and bias afterwards as sprat's formula has them."""
    model = MLP([40, 12], output_activation="identity", seed=3)
    x = rng.standard_normal((rows, 40)).astype(np.float32)
    quantized = quantize_model(model, x)
    layer = quantized.layers[0]
    assert layer.input_scale is not None
    zero = np.array(layer.input_zero_point, np.uint8)
    codes = quantize(x, layer.input_scale, zero, dtype="uint8")
    weight = np.ascontiguousarray(layer.weight.T)
    inputs = {"a": codes, "b": weight, "z": zero}
    (acc,) = onnx_run("MatMulInteger", inputs, {"y": np.int32})
    y = acc.astype(np.float32) * (np.float32(layer.input_scale) * layer.weight_scale) + layer.bias
    assert_same_bits(quantized(x), y)
