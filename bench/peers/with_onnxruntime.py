"""ONNX Runtime: inputs and outputs bound once."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from ..cases import Array
from ..networks import Network
from ..packed import Quantized
from ..problems import Quantizing
from ..tasks import Prepared, offers

_TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int8": TensorProto.INT8}


def model_of(network: Network) -> bytes:
    """Gemm and Relu nodes; what OpenVINO reads as well."""
    nodes, constants, value = [], {}, "x"
    for index, (weight, bias) in enumerate(network.weights):
        constants |= {f"w{index}": weight, f"b{index}": bias}
        last = index == len(network.weights) - 1
        output = "out" if last else f"z{index}"
        nodes.append(helper.make_node("Gemm", [value, f"w{index}", f"b{index}"], [output], transB=1))
        value = output
        if not last:
            nodes.append(helper.make_node("Relu", [value], [f"h{index}"]))
            value = f"h{index}"
    return _serialized(nodes, constants, (network.x, "x"), ((network.rows, network.sizes[-1]), network.dtype))


def _serialized(
    nodes: list[Any], constants: dict[str, Array], given: tuple[Array, str], out: tuple[tuple[int, ...], str]
) -> bytes:
    x, name = given
    graph = helper.make_graph(
        nodes,
        "bench",
        [helper.make_tensor_value_info(name, _TYPES[x.dtype.name], x.shape)],
        [helper.make_tensor_value_info("out", _TYPES[out[1]], out[0])],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _bound(model: bytes, x: Array, out: Array, threads: int) -> Prepared:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    given, made = (onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in (x, out))
    binding.bind_ortvalue_input("x", given)
    binding.bind_ortvalue_output("out", made)
    run, native = session._sess.run_with_iobinding, binding._iobinding
    return Prepared(lambda: run(native, None), made.numpy)


@offers("predict", "onnxruntime")
def predict(network: Network, threads: int) -> Prepared:
    """All graph optimizations, by default."""
    return _bound(model_of(network), network.x, np.empty((network.rows, network.sizes[-1]), network.dtype), threads)


@offers("predict int8", "onnxruntime static")
def predict_static(network: Quantized, threads: int) -> Prepared:
    """Its own quantizer: QDQ, uint8 inputs, int8 weights by output, calibrated with the rows themselves."""

    class Rows(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [{"x": network.x}]

        def get_next(self) -> dict[str, Array] | None:
            return self.left.pop() if self.left else None

    def quantized(source: str, target: str) -> None:
        quantization.quantize_static(
            source, target, Rows(), per_channel=True, activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8, quant_format=quantization.QuantFormat.QDQ,
        )  # fmt: skip

    return _quantized(network, threads, quantized)


@offers("predict int8", "onnxruntime dynamic")
def predict_dynamic(network: Quantized, threads: int) -> Prepared:
    """MatMulInteger with one range for all rows of a call."""
    return _quantized(network, threads, lambda source, target: quantization.quantize_dynamic(source, target))


def _quantized(network: Quantized, threads: int, quantize: Callable[[str, str], None]) -> Prepared:
    with tempfile.TemporaryDirectory() as folder, _silence():
        source, target = f"{folder}/float.onnx", f"{folder}/int8.onnx"
        Path(source).write_bytes(model_of(network))
        quantize(source, target)
        model = Path(target).read_bytes()
    return _bound(model, network.x, np.empty((network.rows, network.sizes[-1]), network.dtype), threads)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Its quantizer suggests preparations by log lines."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@offers("quantize", "onnxruntime")
def quantize(problem: Quantizing, threads: int) -> Prepared:
    """QuantizeLinear."""
    model = _linear("QuantizeLinear", problem, problem.x, "int8")
    return _bound(model, problem.x, np.empty(problem.x.shape, np.int8), threads)


@offers("dequantize", "onnxruntime")
def dequantize(problem: Quantizing, threads: int) -> Prepared:
    """DequantizeLinear."""
    model = _linear("DequantizeLinear", problem, problem.codes, "float32")
    return _bound(model, problem.codes, np.empty(problem.x.shape, np.float32), threads)


def _linear(operator: str, problem: Quantizing, x: Array, out: str) -> bytes:
    constants = {"scale": np.float32(problem.scale), "zero": np.asarray(problem.zero_point, np.int8)}
    options = {"axis": 0} if problem.per_channel else {}
    node = helper.make_node(operator, ["x", "scale", "zero"], ["out"], **options)
    return _serialized([node], constants, (x, "x"), (x.shape, out))
