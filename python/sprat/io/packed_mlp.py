"""How a PackedMLP lies in a file.

Each layer has "layers.0.weight" as :mod:`sprat.packing.storage` describes it, "layers.0.weight_scale" and
"layers.0.bias" (float32); formats, scale and zero point of each layer's input stand in the configuration (null: dynamic).
Scales must be finite and positive, zero points in 0 ... 255, all else finite.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..nn import activations
from ..packing import FORMATS, PRODUCTS, ZEROS, PackedMLP, storage
from ..packing.formats import INTEGERS, MAX_INTEGER_INPUTS
from . import heads, registry
from .layout import Fields, TensorSpec
from .mlp import FLOAT32_LEAST, FLOAT32_MAX, MAX_LAYERS
from .registry import Arrays

_MAX_INPUTS = 2**31 - 1


# What a layer's configuration leaves out: these bytes are many beside the weights of a small network.
_USUAL = {"zeros": "dense", "group_size": 0, "products": "float32", "nonzeros": None}


def _whole(layer: Any) -> Any:
    return {**_USUAL, **layer} if isinstance(layer, dict) else layer


def encode(model: PackedMLP) -> tuple[dict[str, Any], Arrays]:
    """Configuration and tensors of a model."""
    layers = [
        {key: value for key, value in layer.items() if key not in _USUAL or value != _USUAL[key]}
        for layer in model.config()["layers"]
    ]
    return {"model": {"layers": layers}, **heads.write(model)}, model.arrays()


def layout(config: Mapping[str, Any]) -> dict[str, TensorSpec]:
    """Prove the configuration and name the tensors."""
    fields = Fields(config, "the configuration")
    model = Fields(fields.any("model"), "model")
    layers = model.items("layers")
    model.done()
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise ValueError(f"model: {len(layers)} layers, wanted 1 to {MAX_LAYERS}")
    tensors: dict[str, TensorSpec] = {}
    sizes = [_read_layer(layer, index, tensors) for index, layer in enumerate(layers)]
    for index, ((_, given), (taken, _)) in enumerate(itertools.pairwise(sizes)):
        if given != taken:
            raise ValueError(f"layer {index} gives {given} features, layer {index + 1} takes {taken}")
    heads.read(fields, sizes[0][0], sizes[-1][1])
    fields.done()
    return tensors


def _read_layer(value: Any, index: int, tensors: dict[str, TensorSpec]) -> tuple[int, int]:
    fields = Fields(_whole(value), f"layer {index}")
    weights = fields.text("weights", among=FORMATS)
    integer = weights in INTEGERS
    inputs = fields.integer("in_features", 1, MAX_INTEGER_INPUTS if integer else _MAX_INPUTS)
    outputs = fields.integer("out_features", 1)
    fields.text("activation", among=activations.NAMES)
    fields.text("zeros", among=ZEROS)
    fields.text("products", among=PRODUCTS)
    group_size = fields.integer("group_size", 0)
    if (weights == "int4") != (group_size > 0):
        raise ValueError(f"layer {index}: group_size = {group_size} is not one of {weights} weights")
    nonzeros = None if fields.peek("nonzeros") is None else fields.integer("nonzeros", 0, outputs * inputs)
    if nonzeros is None:
        fields.any("nonzeros")
    for name, (dtype, shape) in storage.shapes(weights, outputs, inputs, nonzeros).items():
        tensors[f"layers.{index}.{name}"] = TensorSpec.of(dtype, *shape)
    if integer:
        groups = (-(-inputs // group_size),) if group_size else ()
        tensors[f"layers.{index}.weight_scale"] = TensorSpec.of("float32", outputs, *groups)
    if fields.flag("bias"):
        tensors[f"layers.{index}.bias"] = TensorSpec.of("float32", outputs)
    if fields.peek("input_scale") is None and fields.peek("input_zero_point") is None:
        fields.any("input_scale"), fields.any("input_zero_point")
    else:
        fields.number("input_scale", FLOAT32_LEAST, FLOAT32_MAX)
        fields.integer("input_zero_point", 0, 255)
    fields.done()
    return inputs, outputs


def decode(config: Mapping[str, Any], arrays: Arrays) -> PackedMLP:
    """Prove the values and build the model."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"tensor {name!r} holds NaN or infinity")
        if name.endswith("_scale") and not (array > 0).all():
            raise ValueError(f"tensor {name!r} holds a scale that is not positive")
    model = PackedMLP.from_config({"layers": [_whole(layer) for layer in config["model"]["layers"]]}, arrays)
    fields = Fields(config, "the configuration")
    heads.attach(model, heads.read(fields, model.in_features, model.out_features))
    return model


registry.register(registry.Format("packed_mlp", PackedMLP, encode, layout, decode))
