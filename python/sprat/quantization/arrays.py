"""Real arrays to integer codes and back."""

from __future__ import annotations

from typing import Any, Literal, cast, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import _check, _core, _device
from . import _arguments as arguments


def quantize(
    x: ArrayLike,
    scale: ArrayLike,
    zero_point: ArrayLike = 0,
    axis: int | None = None,
    dtype: DTypeLike = "int8",
    out: NDArray[Any] | None = None,
    *,
    quant_min: int | None = None,
    quant_max: int | None = None,
) -> NDArray[Any]:
    """Integer codes: ``clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max)``.

    Divide, round, then add, as ONNX's QuantizeLinear does, bit for bit. (torch multiplies by ``1 / scale``
    and adds ``zero_point`` before it rounds, so it differs by one code at some halves.) An infinity
    saturates; a NaN, for which no standard has a code, becomes ``zero_point``, the code of 0.

    Parameters
    ----------
    x : array of float32 or float64
        Any shape and layout. Empty is allowed.
    scale : float, or array of shape (channels,)
        Step between neighbouring codes, finite and positive, rounded to the type of ``x``.
    zero_point : int, or array of shape (channels,), default 0
        Code of 0. The default suits symmetric int8.
    axis : int, optional
        Axis of the channels, each with its own scale; ``None``: one scale for the whole array (per tensor).
    dtype : {"int8", "uint8"}
    out : array of ``dtype`` with the shape of ``x``, optional
        Receives the codes; must not overlap ``x``.
    quant_min, quant_max : int, optional
        Smallest and largest code to use; by default all of ``dtype``.

    Returns
    -------
    array of ``dtype`` with the shape of ``x``

    Raises
    ------
    TypeError, ValueError
        One line that names the argument. ``out`` is then unchanged.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018; ONNX operator QuantizeLinear.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import quantize
    >>> quantize(np.float32([-1.0, 0.0, 0.25, 0.75, 100.0]), scale=0.5, zero_point=3)
    array([  1,   3,   3,   5, 127], dtype=int8)
    >>> quantize(np.float32([[1, 2], [1, 2]]), scale=[1.0, 0.5], axis=0, dtype="uint8")
    array([[1, 2],
           [2, 4]], dtype=uint8)
    """
    codes: NDArray[Any] | None = _core.quantize_call(x, scale, zero_point, axis, dtype, out, quant_min, quant_max)
    if codes is not None:
        return codes
    if _device.is_device_array(x):
        codes = _device.kernels("x").quantize(x, scale, zero_point, axis, dtype, out, quant_min, quant_max)
        return cast(NDArray[Any], codes)
    real = _check.real_array("x", x)
    integer = arguments.integer_dtype(dtype)
    low, high = arguments.code_range(integer, quant_min, quant_max)
    view = arguments.view_along(real.shape, axis)
    scales = arguments.scales(scale, real.dtype, view, axis)
    zeros = arguments.zero_points(zero_point, integer, view, axis)
    codes = arguments.output(out, real.shape, integer)
    if view.channels:
        _core.quantize(real, codes, scales, zeros, view.outer, view.inner, low, high)
    return codes


def dequantize(
    q: ArrayLike,
    scale: ArrayLike,
    zero_point: ArrayLike = 0,
    axis: int | None = None,
    out: NDArray[Any] | None = None,
    *,
    dtype: DTypeLike = "float32",
) -> NDArray[Any]:
    """Real numbers of integer codes: ``(q - zero_point) * scale`` (ONNX DequantizeLinear).

    Parameters
    ----------
    q : array of int8 or uint8
        Any shape and layout. Empty is allowed.
    scale, zero_point, axis
        As in :func:`quantize`.
    out : array of float32 or float64 with the shape of ``q``, optional
        Receives the numbers; must not overlap ``q``.
    dtype : {"float32", "float64"}
        Type of the result when ``out`` is not given.

    Returns
    -------
    array of float32 or float64 with the shape of ``q``

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import dequantize
    >>> dequantize(np.int8([1, 3, 5, 127]), scale=0.5, zero_point=3)
    array([-1.,  0.,  1., 62.], dtype=float32)
    """
    numbers: NDArray[Any] | None = _core.dequantize_call(q, scale, zero_point, axis, dtype, out)
    if numbers is not None:
        return numbers
    if _device.is_device_array(q):
        return cast(NDArray[Any], _device.kernels("q").dequantize(q, scale, zero_point, axis, dtype, out))
    codes = arguments.integer_array("q", q)
    view = arguments.view_along(codes.shape, axis)
    real = _check.float_dtype("dtype", dtype) if out is None else _check.float_dtype_of("out", out)
    scales = arguments.scales(scale, real, view, axis)
    zeros = arguments.zero_points(zero_point, codes.dtype, view, axis)
    numbers = arguments.output(out, codes.shape, real)
    if view.channels:
        _core.dequantize(codes, numbers, scales, zeros, view.outer, view.inner)
    return numbers


@overload
def fake_quantize(
    x: ArrayLike,
    scale: ArrayLike,
    zero_point: ArrayLike = ...,
    axis: int | None = ...,
    dtype: DTypeLike = ...,
    out: NDArray[Any] | None = ...,
    *,
    quant_min: int | None = ...,
    quant_max: int | None = ...,
    return_mask: Literal[False] = ...,
) -> NDArray[Any]: ...


@overload
def fake_quantize(
    x: ArrayLike,
    scale: ArrayLike,
    zero_point: ArrayLike = ...,
    axis: int | None = ...,
    dtype: DTypeLike = ...,
    out: NDArray[Any] | None = ...,
    *,
    quant_min: int | None = ...,
    quant_max: int | None = ...,
    return_mask: Literal[True],
) -> tuple[NDArray[Any], NDArray[np.uint8]]: ...


def fake_quantize(
    x: ArrayLike,
    scale: ArrayLike,
    zero_point: ArrayLike = 0,
    axis: int | None = None,
    dtype: DTypeLike = "int8",
    out: NDArray[Any] | None = None,
    *,
    quant_min: int | None = None,
    quant_max: int | None = None,
    return_mask: bool = False,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.uint8]]:
    """``dequantize(quantize(x))`` in one pass: what the integer model will see, in real numbers.

    Parameters
    ----------
    x, scale, zero_point, axis, dtype, quant_min, quant_max
        As in :func:`quantize`.
    out : array with type and shape of ``x``, optional
        Receives the result; may be ``x`` itself.
    return_mask : bool
        Return the mask of the straight-through gradient too: 1 where ``x`` did not saturate. There the
        gradient passes as if nothing had been rounded, elsewhere it is 0.

    Returns
    -------
    array like ``x``; with ``return_mask`` a pair of it and a uint8 array of the same shape

    References
    ----------
    Bengio, Léonard & Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import fake_quantize
    >>> fake_quantize(np.float32([0.3, 0.4, 99.0]), scale=0.5, return_mask=True)
    (array([ 0.5,  0.5, 63.5], dtype=float32), array([1, 1, 0], dtype=uint8))
    """
    if not return_mask:
        numbers: NDArray[Any] | None = _core.fake_quantize_call(
            x, scale, zero_point, axis, dtype, out, quant_min, quant_max
        )
        if numbers is not None:
            return numbers
    if _device.is_device_array(x):
        faked: NDArray[Any] = _device.kernels("x").fake_quantize(
            x, scale, zero_point, axis, dtype, out, quant_min, quant_max, return_mask
        )
        return faked
    real = _check.real_array("x", x)
    integer = arguments.integer_dtype(dtype)
    low, high = arguments.code_range(integer, quant_min, quant_max)
    view = arguments.view_along(real.shape, axis)
    scales = arguments.scales(scale, real.dtype, view, axis)
    zeros = arguments.zero_points(zero_point, integer, view, axis)
    numbers = arguments.output(out, real.shape, real.dtype)
    inside = np.empty(real.shape, np.uint8) if return_mask else None
    if view.channels:
        _core.fake_quantize(real, numbers, inside, scales, zeros, view.outer, view.inner, low, high)
    return numbers if inside is None else (numbers, inside)
