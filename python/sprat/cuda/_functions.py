"""The functions on device arrays that stand behind those of the package with the same names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._device import is_device_array
from ..nn.losses import Loss
from ..quantization import _arguments as quant
from ._arguments import FLOATS, Call, want_apart
from ._array import Array, array
from ._array import as_view as as_view
from ._native import module as native
from ._native import require as require
from ._network import LossOptions
from ._place import Cuda
from ._plan import OptimizerPlan as OptimizerPlan

_CODES = (np.dtype(np.int8), np.dtype(np.uint8))
_loss_options = LossOptions()


# ---- activations, softmax, losses


def apply(name: str, x: Any, out: Any = None) -> Any:
    """y = f(x), element by element; ``out`` may be ``x``."""
    call = Call(x)
    z = call.take("x", x, FLOATS)
    y = call.give("out", out, z.dtype, z.shape)
    native().activation_forward(name, z.dtype.name, z.at(call.stream), y.at(call.stream), z.size, call.stream)
    return y if out is None else out


def derivative(name: str, x: Any, out: Any = None) -> Any:
    """f'(x), element by element; ``out`` may be ``x``."""
    call = Call(x)
    z = call.take("x", x, FLOATS)
    result = call.give("out", out, z.dtype, z.shape)
    y, ones = call.give("y", None, z.dtype, z.shape), call.give("ones", None, z.dtype, z.shape)
    ones[...] = 1.0
    at = [part.at(call.stream) for part in (z, y, ones, result)]
    native().activation_forward(name, z.dtype.name, at[0], at[1], z.size, call.stream)
    native().activation_backward(name, z.dtype.name, *at, z.size, call.stream)
    return result if out is None else out


def softmax(x: Any, out: Any = None, *, log: bool = False) -> Any:
    """Of each row along the last axis; ``out`` may be ``x``."""
    call = Call(x)
    z = call.take("x", x, FLOATS)
    if not z.shape or z.shape[-1] == 0:
        raise ValueError(f"x: wanted at least one column, got shape {z.shape}")
    y = call.give("out", out, z.dtype, z.shape)
    columns = z.shape[-1]
    native().softmax(z.dtype.name, z.at(call.stream), y.at(call.stream), z.size // columns, columns, log, call.stream)
    return y if out is None else out


def log_softmax(x: Any, out: Any = None) -> Any:
    """Of each row along the last axis."""
    return softmax(x, out, log=True)


def loss(loss: Loss, output: Any, target: Any, sample_weight: Any, teacher: Any) -> tuple[float, Array]:
    """The mean loss and its gradient."""
    call = Call(output)
    z = call.take("output", output, FLOATS)
    if z.ndim != 2:
        raise ValueError(f"output: wanted (rows, columns), got shape {z.shape}")
    rows, columns = z.shape
    t = None if target is None else Cuda.target(loss, target, rows, columns, z.dtype)
    weight = None if sample_weight is None else Cuda.vector("sample_weight", sample_weight, rows, z.dtype)
    soft = None if teacher is None else Cuda.matrix("teacher", teacher, columns, z.dtype, rows)
    grad = call.give("grad", None, z.dtype, z.shape)
    options = _loss_options.on(call.stream, loss.native_options(z.dtype))
    value = native().loss(
        options.pop("loss"),
        z.dtype.name,
        z.at(call.stream),
        0 if t is None else t.at(call.stream),
        rows,
        columns,
        grad.at(call.stream),
        call.stream,
        classes=t is not None and t.dtype.kind == "i",
        sample_weight=0 if weight is None else weight.at(call.stream),
        teacher=0 if soft is None else soft.at(call.stream),
        **options,
    )
    return float(value), grad


def sum_of_squares(x: Any) -> float:
    """In double; NaN or infinite where an element is."""
    call = Call(x)
    array = call.take("x", x, FLOATS)
    return float(native().sum_of_squares(array.dtype.name, array.at(call.stream), array.size, call.stream))


# ---- quantization


def quantize(
    x: Any, scale: Any, zero_point: Any, axis: Any, dtype: Any, out: Any, quant_min: Any, quant_max: Any
) -> Any:
    """Integer codes of real numbers."""
    call = Call(x)
    real = call.take("x", x, FLOATS)
    integer = quant.integer_dtype(dtype)
    codes = call.give("out", out, integer, real.shape)
    want_apart("out", codes, real)
    limits = quant.code_range(integer, quant_min, quant_max)
    quantizer = _Quantizer(call, real.dtype, integer, limits, real.shape, axis, scale, zero_point)
    if real.size:
        quantizer.native.quantize(real.at(call.stream), codes.at(call.stream), call.stream)
    return codes if out is None else out


def dequantize(q: Any, scale: Any, zero_point: Any, axis: Any, dtype: Any, out: Any) -> Any:
    """Real numbers of integer codes."""
    call = Call(q)
    codes = call.take("q", q, _CODES)
    given = np.dtype(dtype) if out is None else as_view("out", out, call.stream).dtype
    if given not in FLOATS:
        raise TypeError(f"{'dtype' if out is None else 'out'}: wanted float32 or float64, got {given}")
    real = call.give("out", out, given, codes.shape)
    want_apart("out", real, codes)
    limits = quant.LIMITS[codes.dtype]
    quantizer = _Quantizer(call, given, codes.dtype, limits, codes.shape, axis, scale, zero_point)
    if codes.size:
        quantizer.native.dequantize(codes.at(call.stream), real.at(call.stream), call.stream)
    return real if out is None else out


def fake_quantize(
    x: Any,
    scale: Any,
    zero_point: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    quant_min: Any,
    quant_max: Any,
    return_mask: bool,
) -> Any:
    """Both in one pass; with ``return_mask`` where nothing saturated, too."""
    call = Call(x)
    real = call.take("x", x, FLOATS)
    integer = quant.integer_dtype(dtype)
    result = call.give("out", out, real.dtype, real.shape)
    if result.pointer != real.pointer:
        want_apart("out", result, real)
    inside = call.give("inside", None, np.dtype(np.uint8), real.shape) if return_mask else None
    limits = quant.code_range(integer, quant_min, quant_max)
    quantizer = _Quantizer(call, real.dtype, integer, limits, real.shape, axis, scale, zero_point)
    mask = 0 if inside is None else inside.at(call.stream)
    if real.size:
        quantizer.native.fake_quantize(real.at(call.stream), result.at(call.stream), mask, call.stream)
    given = result if out is None else out
    return given if inside is None else (given, inside)


class _Quantizer:
    """The native quantizer, with scales and zero points on the device: those of the host are checked and copied there,
    those that are there already are taken as they are."""

    def __init__(
        self,
        call: Call,
        real: np.dtype[Any],
        integer: np.dtype[Any],
        limits: tuple[int, int],
        shape: tuple[int, ...],
        axis: Any,
        scale: Any,
        zero_point: Any,
    ) -> None:
        view = quant.view_along(shape, axis)
        wanted = (view.channels,)
        if is_device_array(scale):
            scales = call.take("scale", scale, (real,)).reshape(-1)
        else:
            host = quant.scales(scale, real, view, axis)
            for channel, number in enumerate(host.tolist()):
                if not 0 < number < math.inf:
                    raise ValueError(f"scale[{channel}]: wanted a finite positive number, got {number:g}")
            scales = array(host)
        if is_device_array(zero_point):
            zeros = call.take("zero_point", zero_point, (integer,)).reshape(-1)
        else:
            codes = quant.zero_points(zero_point, integer, view, axis)
            if codes.size and not limits[0] <= int(codes.min()) <= int(codes.max()) <= limits[1]:
                raise ValueError(
                    f"zero_point: wanted {limits[0]} to {limits[1]}, got {int(codes.min())} to {int(codes.max())}"
                )
            zeros = array(codes)
        for name, found in (("scale", scales), ("zero_point", zeros)):
            if found.shape != wanted:
                raise ValueError(f"{name}: wanted shape {wanted}, got {found.shape}")
        self._held = scales, zeros  # until the work is enqueued: what is freed then is freed behind it
        addresses = [found.at(call.stream) for found in self._held]
        self.native = native().Quantizer(real.name, integer.name, *limits, *view, *addresses)


# ---- pruning


def prune_threshold(x: Any, t: float) -> Array:
    """Zeros where |x| < t, in place; the mask, 1 where an element stays."""
    call = Call(x)
    weight = call.take("target", x, FLOATS)
    weight.want_writeable("target")
    mask = call.give("mask", None, np.dtype(np.uint8), weight.shape)
    native().prune_threshold(
        weight.dtype.name, weight.at(call.stream), mask.at(call.stream), weight.size, t, call.stream
    )
    return mask


def prune_smallest(arrays: list[Any], share: float) -> list[Array]:
    """Zeros in place of this share of all elements together, those of least magnitude; the masks."""
    call = Call(*arrays)
    weights = [call.take("target", x, FLOATS) for x in arrays]
    for weight in weights:
        weight.want_writeable("target")
        if weight.dtype != weights[0].dtype:
            raise TypeError(f"target: wanted arrays of one dtype, got {weights[0].dtype} and {weight.dtype}")
    masks = [call.give("mask", None, np.dtype(np.uint8), weight.shape) for weight in weights]
    count = _core.prune_count(share, sum(weight.size for weight in weights))
    rows = [
        (weight.at(call.stream), mask.at(call.stream), weight.size) for weight, mask in zip(weights, masks, strict=True)
    ]
    native().prune_smallest(weights[0].dtype.name, rows, count, call.stream)
    return masks
