"""OpenVINO: one request with tensors that share NumPy's memory, latency hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
from openvino import opset13

from ..arrays import aligned
from ..cases import Array
from ..networks import Network
from ..packed import Half, Quantized
from ..tasks import Prepared, offers

Layer = Callable[[Any, int, Array], Any]  # (value, index, weight) -> value times the weight's transpose


def _product(value: Any, index: int, weight: Array) -> Any:
    return opset13.matmul(value, opset13.constant(weight), False, True)


@offers("predict", "openvino")
def predict(network: Network, threads: int) -> Prepared:
    """MatMul, Add and Relu, fused by the compiler."""
    return _prepared(network, threads, _product, "f32")


@offers("predict bf16", "openvino")
def predict_bfloat16(network: Half, threads: int) -> Prepared:
    """The same with the hint for bfloat16."""
    return _prepared(network, threads, _product, "bf16")


@offers("predict int8", "openvino")
def predict_int8(network: Quantized, threads: int) -> Prepared:
    """FakeQuantize before each product, on inputs and on weights by output: the compiler multiplies integers."""

    def product(value: Any, index: int, weight: Array) -> Any:
        low, high = network.ranges[index]
        inputs = opset13.fake_quantize(value, *map(np.float32, (low, high, low, high)), 256)
        most = np.abs(weight).max(axis=1, keepdims=True)
        steps = opset13.fake_quantize(opset13.constant(weight), -most, most, -most, most, 255)
        return opset13.matmul(inputs, steps, False, True)

    return _prepared(network, threads, product, "f32")


def _prepared(network: Network, threads: int, product: Layer, precision: str) -> Prepared:
    given = opset13.parameter(network.x.shape, np.dtype(network.dtype))
    value = given
    for index, (weight, bias) in enumerate(network.weights):
        value = product(value, index, weight)
        value = opset13.add(value, opset13.constant(bias[None]))
        value = value if index == len(network.weights) - 1 else opset13.relu(value)
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": str(threads),
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": "NO",
    }
    request = openvino.compile_model(openvino.Model([value], [given]), "CPU", options).create_infer_request()
    x, out = network.x, aligned(np.empty((network.rows, network.sizes[-1]), network.dtype))
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(out, shared_memory=True))
    # The native method with nothing new to bind; the Python one around it looks at the inputs' types first.
    infer = super(type(request), request).infer
    return Prepared(lambda: infer({}, True, False), lambda: out)
