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
from ..tasks import Prepared, offers


def model_of(network: Network) -> bytes:
    """FULLY_CONNECTED operators with a fused relu."""
    buffers, tensors, operators = [schema.BufferT()], [], []

    def tensor(name: str, shape: tuple[int, ...], data: Array | None = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), schema.TensorType.FLOAT32
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(buffers)
            buffers.append(buffer)
        tensors.append(made)
        return len(tensors) - 1

    value = given = tensor("x", network.x.shape)
    for index, (weight, bias) in enumerate(network.weights):
        constants = [tensor(f"w{index}", weight.shape, weight), tensor(f"b{index}", bias.shape, bias)]
        output = tensor(f"h{index}", (network.rows, weight.shape[0]))
        layer, operator, kinds = schema.FullyConnectedOptionsT(), schema.OperatorT(), schema.ActivationFunctionType
        layer.fusedActivationFunction = kinds.NONE if index == len(network.weights) - 1 else kinds.RELU
        operator.inputs, operator.outputs = [value, *constants], [output]
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.FullyConnectedOptions, layer
        operators.append(operator)
        value = output
    return _packed(buffers, tensors, operators, given, value)


def _packed(buffers: list[Any], tensors: list[Any], operators: list[Any], given: int, made: int) -> bytes:
    graph, code, model = schema.SubGraphT(), schema.OperatorCodeT(), schema.ModelT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, operators, [given], [made]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], buffers, [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@offers("predict", "litert")
def predict(network: Network, threads: int) -> Prepared | None:
    """The input lies in the interpreter's own tensor before the clock starts; invoke() is all that is timed."""
    if network.dtype != "float32":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = Interpreter(model_content=model_of(network), num_threads=threads)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(given, network.x)
    return Prepared(interpreter.invoke, lambda: interpreter.get_tensor(made))
