"""How an MLP lies in a file.

Tensors have the names of ``MLP.parameters()`` ("layers.0.weight" is (out, in), "layers.0.bias" is (out,)); a pruned
parameter has a second tensor "mask.layers.0.weight" of uint8 with a bit for each element, row after row, the first in
the lowest bit: 1 keeps. Weights must be finite, and what a mask removes must be zero: a file that says otherwise was not written by sprat. A model from quantization-aware training
has the ranges of its layers' inputs in the configuration, as "input_quant".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._bits import from_bits, num_bytes, to_bits
from .._device import to_host
from ..nn import MLP, LayerSpec, activations
from ..nn._passes import FakeQuant
from . import heads, registry
from .layout import Fields, TensorSpec
from .registry import Arrays

# More layers than any network that fits in a file, few enough to list in no time.
MAX_LAYERS = 10_000
# What a scale may be: a positive float32.
FLOAT32_LEAST, FLOAT32_MAX = float(np.finfo(np.float32).smallest_subnormal), float(np.finfo(np.float32).max)


def encode(model: MLP) -> tuple[dict[str, Any], Arrays]:
    """Configuration and tensors of a model; ValueError when its weights are not finite or its masks do not hold."""
    arrays: Arrays = {}
    for name, values in model.parameters().items():
        values = to_host(values)
        if not np.isfinite(values).all():
            raise ValueError(f"cannot save the model: {name} holds NaN or infinity")
        arrays[name] = values
    for name, mask in model.masks.items():
        if arrays[name][mask == 0].any():
            raise ValueError(f"cannot save the model: {name} is not zero where its mask is; call set_mask again")
        arrays[f"mask.{name}"] = to_bits(mask)
    config = {
        "model": {"dtype": str(np.dtype(model.dtype)), "layers": [_layer_config(layer) for layer in model.layers]},
        "masks": sorted(model.masks),
        "frozen": sorted(model.frozen),
        **heads.write(model),
    }
    if model.input_quant is not None:
        config["input_quant"] = [None if quant is None else _quant_config(*quant) for quant in model.input_quant]
    return config, arrays


def layout(config: Mapping[str, Any]) -> dict[str, TensorSpec]:
    """Prove the configuration and name the tensors."""
    fields = Fields(config, "the configuration")
    dtype, layers = read_layers(fields.any("model"))
    tensors = parameter_specs(layers, dtype)
    for name in fields.names("frozen"):
        if name not in tensors:
            raise ValueError(f"frozen: the model has no parameter {name!r}")
    masks = fields.names("masks")
    for name in masks:
        if name not in tensors:
            raise ValueError(f"masks: the model has no parameter {name!r}")
    tensors |= {f"mask.{name}": TensorSpec.of("uint8", num_bytes(math.prod(tensors[name].shape))) for name in masks}
    heads.read(fields, layers[0].in_features, layers[-1].out_features)
    _read_input_quant(fields, len(layers))
    fields.done()
    return tensors


def decode(config: Mapping[str, Any], arrays: Arrays) -> MLP:
    """Prove the values and build the model."""
    fields = Fields(config, "the configuration")
    dtype, layers = read_layers(fields.any("model"))
    masks = fields.names("masks")
    frozen = fields.names("frozen")
    for name in parameter_specs(layers, dtype):
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"tensor {name!r} holds NaN or infinity")
    for name in masks:
        mask = _mask(arrays, name)
        if arrays[name][mask == 0].any():
            raise ValueError(f"tensor {name!r} is not zero where its mask is")
    model = MLP.from_layers(layers, {name: arrays[name] for name in parameter_specs(layers, dtype)}, dtype.name)
    for name in masks:
        model.set_mask(name, _mask(arrays, name))
    if frozen:
        model.freeze(*frozen)
    heads.attach(model, heads.read(fields, model.in_features, model.out_features))
    model.input_quant = _read_input_quant(fields, len(layers))
    return model


def _mask(arrays: Arrays, name: str) -> np.ndarray:
    try:
        return from_bits(arrays[f"mask.{name}"], arrays[name].shape)
    except ValueError as error:
        raise ValueError(f"tensor 'mask.{name}': {error}") from None


# ---- parts that other kinds of model share -------------------------------------------------------------------------


def read_layers(value: Any) -> tuple[np.dtype[Any], list[LayerSpec]]:
    """dtype and layers of {"dtype": ..., "layers": [...]}; sizes must be positive and chain."""
    fields = Fields(value, "model")
    dtype = np.dtype(fields.text("dtype", among=("float32", "float64")))
    entries = fields.items("layers")
    fields.done()
    if not 1 <= len(entries) <= MAX_LAYERS:
        raise ValueError(f"model: {len(entries)} layers, wanted 1 to {MAX_LAYERS}")
    layers = [_read_layer(entry, f"layer {index}") for index, entry in enumerate(entries)]
    for index, (before, after) in enumerate(itertools.pairwise(layers)):
        if before.out_features != after.in_features:
            raise ValueError(
                f"layer {index} gives {before.out_features} features, layer {index + 1} takes {after.in_features}"
            )
    return dtype, layers


def parameter_specs(layers: Sequence[LayerSpec], dtype: np.dtype[Any]) -> dict[str, TensorSpec]:
    """The tensors of the layers."""
    specs = {}
    for index, layer in enumerate(layers):
        specs[f"layers.{index}.weight"] = TensorSpec.of(dtype, layer.out_features, layer.in_features)
        if layer.bias:
            specs[f"layers.{index}.bias"] = TensorSpec.of(dtype, layer.out_features)
    return specs


def _layer_config(layer: LayerSpec) -> dict[str, Any]:
    return {
        "in_features": layer.in_features,
        "out_features": layer.out_features,
        "activation": layer.activation,
        "bias": layer.bias,
        "dropout": layer.dropout,
    }


def _quant_config(scale: float, zero_point: int, quant_min: int, quant_max: int) -> dict[str, Any]:
    return {
        "scale": float(scale),
        "zero_point": int(zero_point),
        "quant_min": int(quant_min),
        "quant_max": int(quant_max),
    }


def _read_layer(value: Any, where: str) -> LayerSpec:
    fields = Fields(value, where)
    layer = LayerSpec(
        in_features=fields.integer("in_features", 1),
        out_features=fields.integer("out_features", 1),
        activation=fields.text("activation", among=activations.NAMES),
        bias=fields.flag("bias"),
        dropout=fields.number("dropout", 0.0, math.nextafter(1.0, 0.0)),
    )
    fields.done()
    return layer


def _read_input_quant(fields: Fields, layers: int) -> list[FakeQuant | None] | None:
    """Fake quantization of each layer's input; None, which a file leaves out, when there is none."""
    if not fields.has("input_quant"):
        return None
    entries = fields.items("input_quant")
    if len(entries) != layers:
        raise ValueError(f"input_quant: {len(entries)} entries for {layers} layers")
    return [None if entry is None else _read_quant(entry, f"input_quant {i}") for i, entry in enumerate(entries)]


def _read_quant(value: Any, where: str) -> FakeQuant:
    fields = Fields(value, where)
    scale = fields.number("scale", FLOAT32_LEAST, FLOAT32_MAX)
    low = fields.integer("quant_min", -128, 254)
    high = fields.integer("quant_max", low + 1, 255)
    zero = fields.integer("zero_point", low, high)
    fields.done()
    return scale, zero, low, high


registry.register(registry.Format("mlp", MLP, encode, layout, decode))
