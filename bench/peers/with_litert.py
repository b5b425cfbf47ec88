"""LiteRT (TensorFlow Lite) with XNNPACK. The model is written with the schema that the package brings."""

from __future__ import annotations

import warnings
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from ..cases import Array
from ..networks import Network
from ..packed import Quantized
from ..tasks import Prepared, offers


class Writer:
    """Tensors and operators of a graph, as they come."""

    def __init__(self) -> None:
        self.buffers, self.tensors, self.operators, self.codes = [schema.BufferT()], [], [], []

    def tensor(
        self, name: str, shape: tuple[int, ...], data: Array | None = None, kind: str = "FLOAT32", scale: Any = None,
        zero: int = 0,
    ) -> int:  # fmt: skip
        """A tensor, constant with data, quantized with a scale (several: one for each first index)."""
        made = schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), getattr(schema.TensorType, kind)
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(self.buffers)
            self.buffers.append(buffer)
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = scales, np.full(scales.size, zero, np.int64)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def operator(self, name: str, inputs: list[int], output: int, options: Any = None) -> int:
        """An operator; gives its output."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.codes.index(code), inputs, [output]
        if options is not None:
            made.builtinOptionsType, made.builtinOptions = schema.BuiltinOptions.FullyConnectedOptions, options
        self.operators.append(made)
        return output

    def packed(self, given: int, made: int) -> bytes:
        """The model's file."""
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [given], [made]
        model.operatorCodes = []
        for builtin in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, builtin, 1
            model.operatorCodes.append(code)
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _layer_options(is_last: bool) -> Any:
    options, kinds = schema.FullyConnectedOptionsT(), schema.ActivationFunctionType
    options.fusedActivationFunction = kinds.NONE if is_last else kinds.RELU
    return options


def model_of(network: Network, int8_weights: bool = False) -> bytes:
    """FULLY_CONNECTED operators with a fused relu; weights of eight bits are multiplied by inputs quantized on the way."""
    w = Writer()
    value = given = w.tensor("x", network.x.shape)
    for index, (weight, bias) in enumerate(network.weights):
        if int8_weights:
            codes, scales = _codes(weight)
            constant = w.tensor(f"w{index}", weight.shape, codes, "INT8", scales)
        else:
            constant = w.tensor(f"w{index}", weight.shape, weight)
        inputs = [value, constant, w.tensor(f"b{index}", bias.shape, bias)]
        output = w.tensor(f"h{index}", (network.rows, weight.shape[0]))
        value = w.operator("FULLY_CONNECTED", inputs, output, _layer_options(index == len(network.weights) - 1))
    return w.packed(given, value)


def int8_model_of(network: Quantized) -> bytes:
    """QUANTIZE, FULLY_CONNECTED on int8 with int32 biases, DEQUANTIZE."""
    w = Writer()
    given = w.tensor("x", network.x.shape)
    scale, zero = _qparams(network.ranges[0])
    value = w.operator("QUANTIZE", [given], w.tensor("q", network.x.shape, None, "INT8", scale, zero))
    for index, (weight, bias) in enumerate(network.weights):
        codes, scales = _codes(weight)
        bias_scales = scales * np.float32(scale)
        constants = [
            w.tensor(f"w{index}", weight.shape, codes, "INT8", scales),
            w.tensor(f"b{index}", bias.shape, np.round(bias / bias_scales).astype(np.int32), "INT32", bias_scales),
        ]
        scale, zero = _qparams(network.ranges[index + 1])
        output = w.tensor(f"h{index}", (network.rows, weight.shape[0]), None, "INT8", scale, zero)
        options = _layer_options(index == len(network.weights) - 1)
        value = w.operator("FULLY_CONNECTED", [value, *constants], output, options)
    made = w.operator("DEQUANTIZE", [value], w.tensor("out", (network.rows, network.sizes[-1])))
    return w.packed(given, made)


def _codes(weight: Array) -> tuple[Array, Array]:
    """int8 codes and a scale for each output."""
    scales = (np.abs(weight).max(axis=1) / 127).astype(np.float32)
    return np.round(weight / scales[:, None]).astype(np.int8), scales


def _qparams(limits: tuple[float, float]) -> tuple[float, int]:
    low, high = limits
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)


@offers("predict", "litert")
def predict(network: Network, threads: int) -> Prepared | None:
    """Float32 throughout."""
    return _prepared(model_of(network), network, threads) if network.dtype == "float32" else None


@offers("predict int8", "litert static")
def predict_static(network: Quantized, threads: int) -> Prepared:
    """Integers from the first layer to the last."""
    return _prepared(int8_model_of(network), network, threads)


@offers("predict int8", "litert dynamic")
def predict_dynamic(network: Quantized, threads: int) -> Prepared:
    """Weights of eight bits, inputs by each row's range."""
    return _prepared(model_of(network, int8_weights=True), network, threads)


def _prepared(model: bytes, network: Network, threads: int) -> Prepared:
    """The input lies in the interpreter's own tensor before the clock starts; invoke() is all that is timed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(given, network.x)
    return Prepared(interpreter.invoke, lambda: interpreter.get_tensor(made))
