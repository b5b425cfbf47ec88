"""Activations: the element-wise functions between the layers of a network.

============  =========================================================  ===================================
name          y = f(z)                                                   source
============  =========================================================  ===================================
identity      z
relu          max(z, 0)                                                  Nair & Hinton 2010
leaky_relu    z where z > 0, else 0.01 z                                 Maas, Hannun & Ng 2013
elu           z where z > 0, else exp(z) - 1                             Clevert, Unterthiner & Hochreiter 2016
gelu          z (1 + erf(z / sqrt 2)) / 2                                Hendrycks & Gimpel 2016
gelu_tanh     z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2          the same, section 2
silu          z / (1 + exp(-z))                                          Hendrycks & Gimpel 2016
tanh          tanh(z)
sigmoid       1 / (1 + exp(-z))
softplus      log(1 + exp(z))                                            Dugas et al. 2001
hardswish     z min(max(z + 3, 0), 6) / 6                                Howard et al. 2019
============  =========================================================  ===================================

A NaN gives a NaN and an infinity the limit, in the function and in its derivative (that of identity is 1 everywhere).
Results have the same bits on every instruction set and number of threads. ``gelu`` loses the last digits of its left
tail, where 1 + erf cancels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check, _core, _device

__all__ = ["NAMES", "apply", "derivative"]

NAMES: tuple[str, ...] = tuple(_core.activations())
"""The names of all activations."""


def check(name: str) -> str:
    """`name` if it is an activation, else one line that lists them."""
    if name not in NAMES:
        raise ValueError(f"activation: wanted one of {', '.join(NAMES)}, got {name!r}")
    return name


def apply(name: str, x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """y = f(x), element by element.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    x : array_like
        float32 or float64, any shape; integers become float64.
    out : ndarray, optional
        Where to write: the shape and dtype of `x`, C-contiguous. It may be `x` itself.

    Returns
    -------
    ndarray
        `out`, or a new array of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, another dtype, or an `out` that does not fit.

    Examples
    --------
    >>> from sprat.nn import activations
    >>> activations.apply("relu", [-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    check(name)
    if type(x) is not np.ndarray and _device.is_device_array(x):
        there: NDArray[Any] = _device.kernels("x").apply(name, x, out)
        return there
    array = _check.real_array("x", x, integers=True)
    y = _check.output_like(array, out)
    _core.activation_forward(name, array, y)
    return y


def derivative(name: str, x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """f'(x), element by element. At a corner it is the slope of the flat side: 0 for relu at 0, 0.01 for leaky_relu
    at 0, 0 and 1 for hardswish at -3 and 3.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    x : array_like
        float32 or float64, any shape; integers become float64.
    out : ndarray, optional
        Where to write: the shape and dtype of `x`, C-contiguous. It may be `x` itself.

    Returns
    -------
    ndarray
        `out`, or a new array of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, another dtype, or an `out` that does not fit.

    Examples
    --------
    >>> from sprat.nn import activations
    >>> activations.derivative("tanh", [0.0, 100.0])
    array([1., 0.])
    """
    check(name)
    if type(x) is not np.ndarray and _device.is_device_array(x):
        there: NDArray[Any] = _device.kernels("x").derivative(name, x, out)
        return there
    array = _check.real_array("x", x, integers=True)
    result = _check.output_like(array, out)
    y = np.empty_like(array)
    _core.activation_forward(name, array, y)
    _core.activation_backward(name, array, y, np.ones_like(array), result)
    return result
