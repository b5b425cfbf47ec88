"""What the generated function does, layer by layer: from a model to calls, constant arrays and two buffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._device import to_host
from ..nn.mlp import MLP
from ..nn.model import Model
from ..packing import PackedLayer, PackedMLP
from . import layout
from .activations import IN_PRODUCT
from .literals import ConstantArray, float_text

__all__ = ["Plan", "layers_of", "plan_of"]

_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass
class Plan:
    """Calls of the function's body, with the constants and pieces they use.

    >>> import sprat
    >>> from sprat.export.plan import layers_of, plan_of
    >>> plan = plan_of(layers_of(sprat.nn.MLP([4, 8, 2])))
    >>> plan.buffers, sorted(plan.pieces)
    ([8, 0], ['dense2_float32', 'dense8_float32'])
    """

    inputs: int
    outputs: int
    calls: list[str] = field(default_factory=list)
    arrays: list[ConstantArray] = field(default_factory=list)
    pieces: set[str] = field(default_factory=set)
    buffers: list[int] = field(default_factory=lambda: [0, 0])  # floats in each
    index_type: str = "uint8_t"
    is_dynamic: bool = False

    @property
    def flash(self) -> int:
        """Bytes of all constants."""
        return sum(array.nbytes for array in self.arrays)

    def constant(self, name: str, type_: str, values: NDArray[Any]) -> str:
        """Adds an array, and gives its name in the text."""
        self.arrays.append(ConstantArray(f"@{name}", type_, values))
        return f"@{name}"

    def need(self, buffer: int, floats: int) -> None:
        """Lets a buffer have room for so many floats."""
        self.buffers[buffer] = max(self.buffers[buffer], floats)


def layers_of(model: Model) -> tuple[PackedLayer, ...]:
    """The layers of a model that can be exported; one line for others.

    >>> import sprat
    >>> from sprat.export.plan import layers_of
    >>> [layer.weights for layer in layers_of(sprat.nn.MLP([4, 2]))]
    ['float32']
    """
    if isinstance(model, PackedMLP):
        for index, layer in enumerate(model.layers):
            if layer.products == "bfloat16":
                raise ValueError(
                    f"layers[{index}].products: wanted float32; bfloat16 products have other bits on every processor"
                )
        return model.layers
    if not isinstance(model, MLP):
        raise TypeError(f"model: wanted an nn.MLP, a PackedMLP or the path of one, got {type(model).__name__}")
    if model.dtype != np.float32:
        raise ValueError(f"model: wanted float32, got {model.dtype}; generated C has float32 and integers")
    if model.input_quant is not None:
        raise ValueError("model: it is under quantization-aware training; quantize it first")
    found = []
    parameters = {name: to_host(values) for name, values in model.parameters().items()}
    for index, spec in enumerate(model.layers):
        weight = parameters[f"layers.{index}.weight"]
        bias = parameters[f"layers.{index}.bias"] if spec.bias else None
        if not np.isfinite(weight).all() or (bias is not None and not np.isfinite(bias).all()):
            raise ValueError(f"layers.{index}: wanted finite weights and biases")
        layer = PackedLayer(np.array(weight), None, bias, spec.activation, weights="float32")
        found.append(layer.checked(index))
    return tuple(found)


def plan_of(layers: Sequence[PackedLayer]) -> Plan:
    """The plan of a chain of layers.

    >>> import sprat
    >>> from sprat.export.plan import layers_of, plan_of
    >>> plan = plan_of(layers_of(sprat.quantization.quantize_model(sprat.nn.MLP([4, 2]))))
    >>> plan.calls[1]
    'row_scale = @range(x, 4u, &zero);'
    """
    plan = Plan(layers[0].in_features, layers[-1].out_features)
    plan.index_type = _index_type(layers)
    place = -1  # where activations are: -1 the caller's x, else the buffer
    are_codes = False
    for index, layer in enumerate(layers):
        after = layers[index + 1] if index + 1 < len(layers) else None
        sizes = f"{layer.in_features} -> {layer.out_features}, {layer.activation}, {layer.format}"
        plan.calls.append(f"/* layer {index}: {sizes}{f', {layer.input}' if layer.is_integer else ''} */")
        if layer.is_integer and not are_codes:
            place = _quantize(plan, layer, place)
        source = "x" if place < 0 else _buffer(place, is_codes=layer.is_integer)
        are_codes = after is not None and _leaves_codes(layer, after)
        if after is None:
            target, place = "y", -1
        else:
            place = 1 if place == 0 else 0
            target = _buffer(place, is_codes=are_codes)
            plan.need(place, _padded_floats(after) if are_codes else layer.out_features)
        emit = _integer_product if layer.is_integer else _float_product
        emit(plan, index, layer, after if are_codes else None, source, target)
        if layer.activation not in IN_PRODUCT:
            plan.pieces.add(layer.activation)
            plan.calls.append(
                f"for (i = 0; i < {layer.out_features}u; ++i) {target}[i] = @{layer.activation}({target}[i]);"
            )
    return plan


def _unit(layer: PackedLayer) -> int:
    """Inputs that are multiplied at once."""
    return 8 if layer.weights == "int4" else 4


def _padded(layer: PackedLayer) -> int:
    return -(-layer.in_features // _unit(layer)) * _unit(layer)


def _padded_floats(layer: PackedLayer) -> int:
    return _padded(layer) // 4


def _buffer(place: int, *, is_codes: bool) -> str:
    name = "ab"[place]
    return f"{name}_codes" if is_codes else name


def _leaves_codes(layer: PackedLayer, after: PackedLayer) -> bool:
    """Whether the next layer's codes follow from the sums without real numbers between."""
    return layer.is_static and after.is_static and layer.activation in IN_PRODUCT


def _index_type(layers: Sequence[PackedLayer]) -> str:
    """For the places in lists of what is not zero, and for their lengths."""
    most = 0
    for layer in layers:
        if layer.zeros == "unstructured":
            most = max(most, layer.in_features - 1, int(np.count_nonzero(layer.weight, axis=1).max()))
        elif layer.zeros == "blocks":
            most = max(most, -(-layer.in_features // (4 if layer.is_integer else 1)))
    return "uint8_t" if most < 2**8 else "uint16_t" if most < 2**16 else "uint32_t"


def _quantize(plan: Plan, layer: PackedLayer, place: int) -> int:
    """Float activations to codes, in place but for the caller's."""
    source = "x" if place < 0 else _buffer(place, is_codes=False)
    place = max(place, 0)
    plan.need(place, _padded_floats(layer))
    plan.pieces.add("quantize")
    if layer.input_qparams is None:
        plan.pieces.add("range")
        plan.is_dynamic = True
        plan.calls.append(f"row_scale = @range({source}, {layer.in_features}u, &zero);")
        numbers = "row_scale, zero"
    else:
        scale, zero = layer.input_qparams
        numbers = f"{float_text(scale)}, {zero}"
    target = _buffer(place, is_codes=True)
    plan.calls.append(f"@quantize({source}, {layer.in_features}u, {_padded(layer)}u, {numbers}, {target});")
    return place


def _float_product(
    plan: Plan, index: int, layer: PackedLayer, _after: PackedLayer | None, source: str, target: str
) -> None:
    outputs, inputs, relu = layer.out_features, layer.in_features, int(layer.activation == "relu")
    # -0 changes no sum.
    bias = np.full(outputs, -0.0, np.float32) if layer.bias is None else layer.bias
    ctype = "float" if layer.weights == "float32" else "uint16_t"
    values = layer.weight.view(np.uint16) if layer.weights == "float16" else layer.weight
    if layer.zeros != "dense":
        piece = "lists" if layer.zeros == "unstructured" else "blocks"
        kept, places, counts = getattr(layout, piece)(values)
        w, at, lengths = _lists(plan, index, ctype, kept, places, counts)
        b = plan.constant(f"b{index}", "float", bias)
        plan.pieces.add(piece)
        plan.calls.append(f"@{piece}({w}, {at}, {lengths}, {b}, {source}, {outputs}u, {relu}, {target});")
        return
    w = plan.constant(f"w{index}", ctype, layout.panels(values))
    b = plan.constant(f"b{index}", "float", bias)
    done = 0
    for width, count in layout.panel_widths(outputs):
        piece = f"dense{width}_{layer.weights}"
        plan.pieces.add(piece)
        shifted = [
            f"{array} + {step}" if done else array for array, step in ((w, done * inputs), (b, done), (target, done))
        ]
        plan.calls.append(f"@{piece}({shifted[0]}, {shifted[1]}, {source}, {inputs}u, {count}u, {relu}, {shifted[2]});")
        done += width * count


def _lists(plan: Plan, index: int, ctype: str, kept: Any, places: Any, counts: Any) -> tuple[str, str, str]:
    """Constants of what is not zero; C has no empty arrays."""
    dtype = np.dtype(plan.index_type.removesuffix("_t"))
    kept = kept if kept.size else np.zeros(1, kept.dtype)
    places = places if places.size else np.zeros(1, dtype)
    return (
        plan.constant(f"w{index}", ctype, kept),
        plan.constant(f"at{index}", plan.index_type, places.astype(dtype)),
        plan.constant(f"n{index}", plan.index_type, counts.astype(dtype)),
    )


def _to_finite(x: Any) -> NDArray[np.float32]:
    return np.asarray(np.clip(x, -_FLOAT32_MAX, _FLOAT32_MAX), np.float32)


def _integer_product(
    plan: Plan, index: int, layer: PackedLayer, after: PackedLayer | None, source: str, target: str
) -> None:
    """after: the layer whose codes this one leaves, or None where it leaves real numbers."""
    assert layer.weight_scale is not None
    outputs = layer.out_features
    bias = np.zeros(outputs, np.float32) if layer.bias is None else layer.bias
    weight_scale = layer.weight_scale if layer.weights == "int8" else np.ones(1, np.float32)
    input_scale = np.float32(1 if layer.input_scale is None else layer.input_scale)
    scale = input_scale * weight_scale
    floor = str(int(layer.activation == "relu"))
    if after is not None:
        next_scale, next_zero = after.input_qparams or (1.0, 0)
        exact = np.float64(input_scale) * weight_scale.astype(np.float64)
        scale = _to_finite(exact / np.float64(next_scale))
        bias = _to_finite(bias.astype(np.float64) / np.float64(next_scale) + next_zero)
        low = np.float32(next_zero if layer.activation == "relu" else 0)
        floor = f"0x{low.view(np.uint32):x}"  # compared as integers
    emit = _int8_product if layer.weights == "int8" else _int4_product
    emit(plan, index, layer, after is not None, scale, bias, floor, source, target)
    if after is not None and outputs < _padded(after):
        plan.pieces.add("pad")
        plan.calls.append(f"@pad({target}, {outputs}u, {_padded(after)}u);")


def _int8_product(
    plan: Plan,
    index: int,
    layer: PackedLayer,
    to_codes: bool,
    scale: Any,
    bias: Any,
    floor: str,
    source: str,
    target: str,
) -> None:
    out = "codes" if to_codes else "reals" if layer.is_static else "rows"
    sums = layer.weight.astype(np.int64).sum(axis=1)
    start = sums if layer.input_zero_point is None else (128 - layer.input_zero_point) * sums
    if layer.zeros == "blocks":
        piece = f"int8_to_{out}_listed"
        w, at, lengths = _lists(plan, index, "int8_t", *layout.present_fours(layer.weight))
        weights, fours = f"{w}, {at}, {lengths}", ""
    else:
        piece = f"int8_to_{out}"
        weights = plan.constant(f"w{index}", "int8_t", layout.fours(layer.weight))
        fours = f"{_padded(layer) // 4}u, "
    s = plan.constant(f"start{index}", "int32_t", start.astype(np.int32))
    c = plan.constant(f"scale{index}", "float", scale)
    b = plan.constant(f"b{index}", "float", bias)
    row = ", row_scale, zero - 128" if out == "rows" else ""
    plan.pieces.add(piece)
    plan.calls.append(
        f"@{piece}({weights}, {s}, {c}, {b}, {floor}{row}, {source}, {fours}{layer.out_features}u, {target});"
    )


def _int4_product(
    plan: Plan,
    index: int,
    layer: PackedLayer,
    to_codes: bool,
    scale: Any,
    bias: Any,
    floor: str,
    source: str,
    target: str,
) -> None:
    assert layer.weight_scale is not None
    piece = f"int4_to_{'codes' if to_codes else 'reals'}"
    bytes_, sums, scales = layout.int4_groups(layer.weight, layer.weight_scale, layer.group_size)
    w = plan.constant(f"w{index}", "uint8_t", bytes_)
    s = plan.constant(f"sums{index}", "int32_t", sums)
    c = plan.constant(f"scale{index}", "float", scales)
    b = plan.constant(f"b{index}", "float", bias)
    is_row = layer.input_zero_point is None
    shift = "128 - zero" if is_row else str(128 - (layer.input_zero_point or 0))
    factor = "row_scale" if is_row else float_text(float(scale[0]))
    sizes = f"{_padded(layer) // 8}u, {min(layer.group_size, _padded(layer)) // 8}u, {layer.out_features}u"
    plan.pieces.add(piece)
    plan.calls.append(f"@{piece}({w}, {s}, {c}, {shift}, {factor}, {b}, {floor}, {source}, {sizes}, {target});")
