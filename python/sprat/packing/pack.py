"""``sprat.pack``: a trained model in the number formats it is to be served in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check, _device
from ..nn.mlp import MLP
from ..nn.model import LayerSpec
from .formats import FORMATS, INTEGERS, PRODUCTS, ZEROS, group_size_of, to_bfloat16
from .layer import PackedLayer
from .model import PackedMLP
from .plan import PLANS, fastest, together

__all__ = ["pack"]


def pack(
    model: MLP,
    weights: str | Sequence[str] = "float32",
    *,
    zeros: str | Sequence[str] = "auto",
    calibration: Any = None,
    observer: Any = "minmax",
    group_size: int = 32,
    products: str = "float32",
    plan: str = "fastest",
    rows: int | Sequence[int] = 1,
) -> PackedMLP:
    """A model packed for serving: smaller, and on this machine not slower than in float32.

    Parameters
    ----------
    model : nn.MLP
        Not changed. A float64 model is rounded to float32 first.
    weights : {"float32", "float16", "bfloat16", "int8", "int4"}, or one for each layer
        float32 keeps every bit of the output; float16 and bfloat16 halve the weights; int8 multiplies integers, four
        times as many at once; int4 has scales for groups of inputs, and half of int8's bytes.
    zeros : {"auto", "dense", "unstructured", "blocks"}, or one for each layer
        How zeros of the weights are left out (:class:`PackedLayer`); no choice changes a bit of the output. "auto"
        measures which is the fastest, for float32 and int8; other formats are dense.
    calibration, observer
        Typical inputs for int8 and int4, as for :func:`sprat.quantization.quantize_model`: with them the scales of the
        activations are fixed (static), without them every row has its own (dynamic).
    group_size : int
        For int4: inputs that share a scale, a multiple of 32.
    products : {"float32", "bfloat16"}
        For bfloat16 weights: "bfloat16" multiplies with the CPU's own instruction, the one thing whose bits differ from
        CPU to CPU.
    plan : {"fastest", "as asked"}
        "fastest" times each layer here, and leaves it in float32 where the format that was asked for is slower: what
        comes out depends on the machine, its files do not. "as asked" measures nothing but ``zeros="auto"``.
    rows : int or several
        Rows of a call to be fast for. A format must pay, or at least cost nothing, for each of them.

    Returns
    -------
    PackedMLP
        With the model's loss and encoder. Its ``plan`` says, layer by layer, what was chosen and why.

    Raises
    ------
    ValueError, TypeError
        One line that names the argument.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([64, 128, 10], seed=0)
    >>> _ = sprat.prune.magnitude(model, 0.9)
    >>> sparse = sprat.pack(model, zeros="unstructured")
    >>> x = np.random.default_rng(0).standard_normal((32, 64)).astype(np.float32)
    >>> bool((sparse(x) == model(x)).all()), sparse.nbytes < model.params.nbytes / 5
    (True, True)
    >>> sprat.pack(model, ["int8", "float32"], calibration=x, plan="as asked", zeros="dense")
    PackedMLP(64-128-10, relu, static int8, float32)
    """
    _device.refuse("pack", model)
    if not isinstance(model, MLP):
        raise TypeError(f"model: wanted an nn.MLP, got {type(model).__name__}")
    count = len(model.layers)
    formats = _each("weights", weights, count, tuple(FORMATS))
    ways = _each("zeros", zeros, count, ("auto", *ZEROS))
    _check.check_choice("products", products, PRODUCTS)
    _check.check_choice("plan", plan, PLANS)
    group = group_size_of(group_size)
    batches = tuple(_check.check_count("rows", n, 1) for n in (rows if isinstance(rows, Sequence) else (rows,)))
    if not batches:
        raise ValueError("rows: wanted at least one number of rows, got none")
    qparams = _input_qparams(model, formats, calibration, observer)
    parameters = model.parameters()
    layers, plains, reasons = [], [], []
    for index, spec in enumerate(model.layers):
        way = "dense" if ways[index] == "auto" else ways[index]
        name = f"layers.{index}"
        asked = pack_layer(
            name, spec, parameters, formats[index], qparams[index], zeros=way, group_size=group, products=products
        ).checked(index)
        plain = pack_layer(name, spec, parameters, "float32").checked(index)
        choice = fastest(asked, plain, ways[index] == "auto", plan, batches)
        layers.append(choice.layer)
        plains.append(plain)
        reasons.append(f"{name}: {choice.reason}")
    slower = together(layers, plains, batches) if plan == "fastest" else None
    if slower is not None:
        layers, reasons = plains, [f"layers.{index}: float32, {slower}" for index in range(count)]
    packed = PackedMLP(layers)
    packed._take_head(model)
    packed.plan = tuple(reasons)
    return packed


def _each(name: str, value: str | Sequence[str], count: int, choices: Sequence[str]) -> list[str]:
    """One choice for each layer."""
    if not isinstance(value, str | Sequence):
        raise TypeError(f"{name}: wanted a name, or one for each layer, got {_check.short(value)}")
    values = [value] * count if isinstance(value, str) else list(value)
    if len(values) != count:
        raise ValueError(f"{name}: wanted one for each of {count} layers, got {len(values)}")
    for one in values:
        _check.check_choice(name, one, tuple(choices))
    return values


def _input_qparams(model: MLP, formats: Sequence[str], calibration: Any, observer: Any) -> list[Any]:
    from ..quantization.post_training import calibrate

    if not any(one in INTEGERS for one in formats):
        if calibration is not None:
            raise ValueError("calibration: wanted None where no layer multiplies integers")
        return [None] * len(formats)
    return calibrate(model, calibration, observer)


def pack_layer(
    name: str,
    spec: LayerSpec,
    parameters: Mapping[str, NDArray[Any]],
    weights: str,
    input_qparams: tuple[float, int] | None = None,
    *,
    zeros: str = "dense",
    group_size: int = 32,
    products: str = "float32",
    granularity: str = "per_channel",
) -> PackedLayer:
    """One layer in a format; ``name`` begins the names of its parameters, ``granularity`` is that of int8's scales."""
    from ..quantization.groups import group_scales, quantize_groups
    from ..quantization.post_training import int8_codes

    with np.errstate(over="ignore"):  # what becomes infinite is refused
        weight = np.asarray(parameters[f"{name}.weight"], np.float32)
        bias = np.asarray(parameters[f"{name}.bias"], np.float32) if spec.bias else None
    if not np.isfinite(weight).all():
        wrong = weight.size - int(np.isfinite(weight).sum())
        raise ValueError(f"{name}.weight: wanted finite numbers, {wrong} of {weight.size} are NaN or infinite")
    values: Any
    scale = None
    if weights == "int8":
        values, scale = int8_codes(weight, granularity)
    elif weights == "int4":
        scale = group_scales(weight, group_size)
        values = quantize_groups(weight, scale, group_size)
    elif weights == "bfloat16":
        values = to_bfloat16(weight)
    else:
        with np.errstate(over="ignore"):
            values = weight.astype(FORMATS[weights])
    input_scale, input_zero_point = (input_qparams if weights in INTEGERS else None) or (None, None)
    return PackedLayer(
        values,
        scale,
        bias,
        spec.activation,
        input_scale,
        input_zero_point,
        weights=weights,
        zeros=zeros,
        group_size=group_size if weights == "int4" else 0,
        products=products if weights == "bfloat16" else "float32",
    )
