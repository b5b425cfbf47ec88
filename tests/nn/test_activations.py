"""Activations: against the float64 reference, bit-equal everywhere, in place, at infinity, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference import activations as reference
from sprat import _core
from sprat.nn import activations, functional
from support import assert_same_bits, assert_same_everywhere, misaligned, unchanged

SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100]
names = pytest.mark.parametrize("name", activations.NAMES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def inputs(dtype: type, rng: np.random.Generator, size: int = 2000) -> np.ndarray:
    """Wide and narrow numbers, without the corners where a derivative jumps."""
    x = np.concatenate([rng.normal(size=size) * scale for scale in (1e-3, 1.0, 5.0, 40.0)])
    return x.astype(dtype)


def test_names() -> None:
    assert activations.NAMES[:11] == (
        "identity", "relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus", "hardswish"
    )  # fmt: skip


@names
@dtypes
def test_value(name: str, dtype: type, rng: np.random.Generator) -> None:
    x = inputs(dtype, rng)
    y = activations.apply(name, x)
    wanted = reference.value(name, x.astype(np.float64))
    # A few roundings, each relative to what it rounds. gelu alone cancels (1 + erf), relative to z; in gelu_tanh the
    # rounding of the exponent, about z^3 / 14, is multiplied by its size.
    eps, tiny = np.finfo(dtype).eps, np.finfo(dtype).tiny
    factor = 8 + np.abs(x.astype(np.float64)) ** 3 / 2 if name == "gelu_tanh" else 8
    bound = factor * eps * np.abs(wanted) + (2 * eps * np.abs(x) if name == "gelu" else 0) + 2 * tiny
    assert (np.abs(y - wanted) <= bound).all()
    assert y.dtype == dtype


@names
@dtypes
def test_derivative(name: str, dtype: type, rng: np.random.Generator) -> None:
    x = inputs(dtype, rng)
    wanted = reference.derivative(name, x.astype(np.float64))
    # The slopes are sums of parts of about 1 that may cancel: a few roundings of 1, times |z| where z is a factor.
    bound = 8 * np.finfo(dtype).eps * (1 + np.minimum(np.abs(x), 8))
    assert (np.abs(activations.derivative(name, x) - wanted) <= bound).all()


@names
def test_derivative_by_finite_differences(name: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=500) * 3
    x = x[(np.abs(x) > 1e-3) & (np.abs(np.abs(x) - 3) > 1e-3)]
    h = 1e-5
    slope = (activations.apply(name, x + h) - activations.apply(name, x - h)) / (2 * h)
    # h^2 / 6 times the third derivative, plus the rounding of f divided by h.
    np.testing.assert_allclose(activations.derivative(name, x), slope, atol=1e-9)


@names
@dtypes
def test_same_bits(name: str, dtype: type, rng: np.random.Generator) -> None:
    """On every instruction set and number of threads, for all lengths around the width of a vector."""
    x = inputs(dtype, rng, 10_000)

    def compute() -> list[np.ndarray]:
        return [activations.apply(name, x), activations.derivative(name, x)] + [
            f(name, x[:n]) for n in SIZES for f in (activations.apply, activations.derivative)
        ]

    whole, slopes, *parts = assert_same_everywhere(compute)
    for n, part, slope in zip(SIZES, parts[::2], parts[1::2], strict=True):
        assert_same_bits(part, whole[:n])
        assert_same_bits(slope, slopes[:n])


@names
@dtypes
def test_same_bits_wherever_an_element_lies(isa: str, name: str, dtype: type, rng: np.random.Generator) -> None:
    x = inputs(dtype, rng, 50)
    y = activations.apply(name, x)
    for start in range(1, 18):
        out = np.zeros_like(x)
        _core.activation_forward(name, x[start:], out[: x.size - start])
        assert_same_bits(out[: x.size - start], y[start:])
        assert not out[x.size - start :].any()  # nothing is written behind the end


@names
@dtypes
def test_in_place(isa: str, name: str, dtype: type, rng: np.random.Generator) -> None:
    x = inputs(dtype, rng, 25)
    grad = rng.normal(size=x.size).astype(dtype)
    y = activations.apply(name, x)
    result = x.copy()
    assert activations.apply(name, result, out=result) is result
    assert_same_bits(result, y)

    wanted = np.empty_like(x)
    _core.activation_backward(name, x, y, grad, wanted)
    assert_same_bits(wanted, grad * activations.derivative(name, x))
    for overwritten in (0, 1, 2):
        arrays = [x.copy(), y.copy(), grad.copy()]
        _core.activation_backward(name, *arrays, arrays[overwritten])
        assert_same_bits(arrays[overwritten], wanted)


@names
def test_gradient_without_the_input(name: str) -> None:
    x = np.linspace(-4, 4, 50)
    y, out = activations.apply(name, x), np.empty(50)
    if _core.activation_needs_input(name):
        with pytest.raises(ValueError, match=f"^z must not be NULL: the gradient of {name} needs it$"):
            _core.activation_backward(name, None, y, np.ones(50), out)
    else:
        _core.activation_backward(name, None, y, np.ones(50), out)
        assert_same_bits(out, activations.derivative(name, x))


@names
@dtypes
def test_infinities_give_the_limit_and_nan_stays(isa: str, name: str, dtype: type) -> None:
    low, high, slope_low, slope_high = reference.LIMITS.get(name, (0, np.inf, 0, 1))
    for factor in (1, 17):  # the tail of a vector, and whole vectors
        x = np.array([-np.inf, np.inf, np.nan, -1e4, 1e4] * factor, dtype)
        y, slope = activations.apply(name, x), activations.derivative(name, x)
        np.testing.assert_array_equal(y[:3], np.array([low, high, np.nan], dtype))
        slope_nan = 1 if name == "identity" else np.nan
        np.testing.assert_array_equal(slope[:3], np.array([slope_low, slope_high, slope_nan], dtype))
        np.testing.assert_allclose(y[3:5], reference.value(name, np.array([-1e4, 1e4])), rtol=1e-6)
        np.testing.assert_array_equal(slope[3:5], slope[:2])
    assert np.isnan(activations.apply(name, np.full(19, np.nan, dtype))).all()


def test_corners() -> None:
    assert activations.derivative("relu", [0.0, -0.0]).tolist() == [0, 0]
    assert activations.derivative("leaky_relu", [0.0]).tolist() == [0.01]
    assert activations.derivative("elu", [0.0]).tolist() == [1]
    assert activations.derivative("hardswish", [-3.0, 3.0]).tolist() == [0, 1]


def test_what_is_converted() -> None:
    x = np.arange(-6, 6).reshape(3, 4)
    wanted = activations.apply("tanh", x.astype(np.float64))
    for same in (x, x.tolist(), x.astype(">f8"), np.asfortranarray(x), misaligned(x.astype(np.float64))):
        assert_same_bits(activations.apply("tanh", same), wanted)
    assert activations.apply("relu", np.float32(-2)).shape == ()


@pytest.mark.parametrize("function", [activations.apply, activations.derivative])
def test_refusals(function: Callable[..., Any]) -> None:
    x = np.zeros(6, np.float32)
    with pytest.raises(ValueError, match=r"^activation: wanted one of identity, relu, .*, got 'swish'$"):
        function("swish", x)
    with pytest.raises(TypeError, match=r"^x: wanted float32 or float64, got float16$"):
        function("relu", x.astype(np.float16))
    y, readonly = np.zeros(12, np.float32), np.zeros(6, np.float32)
    readonly.flags.writeable = False
    same = unchanged(x, y, readonly)
    for out, error, line in [
        (np.zeros(6), TypeError, "out: wanted float32 like [xy], got float64"),
        (y[:5], ValueError, r"out: wanted shape \(6,\) like [xy], got \(5,\)"),
        (y[::2], ValueError, "out: wanted a C-contiguous array, got one with gaps or another order"),
        (readonly, ValueError, "out: wanted a writable array, got a read-only one"),
        (misaligned(y[:6]), ValueError, "out: wanted an aligned array, got one that does not start at a multiple .*"),
        (np.zeros(6, ">f4"), ValueError, "out: wanted native byte order, got a byte-swapped array"),
        ([0.0] * 6, TypeError, "out: wanted a NumPy array in CPU memory, got list"),
    ]:
        with pytest.raises(error, match=f"^{line}$"):
            function("gelu", x, out=out)
    with pytest.raises(ValueError, match=r"^out: overlaps a part of x$"):
        function("relu", y[:6], out=y[1:7])
    same()


def test_sigmoid_is_the_activation() -> None:
    assert_same_bits(functional.sigmoid([0.5]), activations.apply("sigmoid", [0.5]))
