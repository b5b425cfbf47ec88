"""Functions of outputs: probabilities from logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check, _core, _device
from . import activations

__all__ = ["log_softmax", "sigmoid", "softmax"]


def _rows(x: NDArray[Any]) -> NDArray[Any]:
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"x: wanted at least one column, got shape {x.shape}")
    return x.reshape(-1, x.shape[-1])


def softmax(x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """exp(x_c) / sum_k exp(x_k) along the last axis, shifted by the largest so that nothing overflows.

    A NaN or a +infinity makes its row NaN, and so does a row of -infinity alone; -infinity beside a finite number
    has probability 0.

    Parameters
    ----------
    x : array_like
        float32 or float64 logits, shape (..., classes); integers become float64.
    out : ndarray, optional
        Where to write: the shape and dtype of `x`, C-contiguous. It may be `x` itself.

    Returns
    -------
    ndarray
        `out`, or a new array of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        For another dtype, no columns, or an `out` that does not fit.

    Examples
    --------
    >>> from sprat.nn import functional
    >>> functional.softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    if type(x) is not np.ndarray and _device.is_device_array(x):
        there: NDArray[Any] = _device.kernels("x").softmax(x, out)
        return there
    array = _check.real_array("x", x, integers=True)
    y = _check.output_like(array, out)
    _check_out(array, y)
    _core.softmax(_rows(array), _rows(y))
    return y


def log_softmax(x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """log(softmax(x)) along the last axis, without computing a probability that could become 0.

    Parameters and errors are those of `softmax`.

    Examples
    --------
    >>> from sprat.nn import functional
    >>> functional.log_softmax([[1000.0, 0.0]])
    array([[    0., -1000.]])
    """
    if type(x) is not np.ndarray and _device.is_device_array(x):
        there: NDArray[Any] = _device.kernels("x").log_softmax(x, out)
        return there
    array = _check.real_array("x", x, integers=True)
    y = _check.output_like(array, out)
    _check_out(array, y)
    _core.log_softmax(_rows(array), _rows(y))
    return y


def sigmoid(x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """1 / (1 + exp(-x)), element by element: ``activations.apply("sigmoid", x, out)``.

    Examples
    --------
    >>> from sprat.nn import functional
    >>> functional.sigmoid([0.0])
    array([0.5])
    """
    return activations.apply("sigmoid", x, out)


def _check_out(x: NDArray[Any], out: NDArray[Any]) -> None:
    # Reshaping an array that is not contiguous would copy it, and the result be lost.
    if out.shape != x.shape:
        raise ValueError(f"out: wanted shape {x.shape} like x, got {out.shape}")
    if not out.flags.c_contiguous:
        raise ValueError("out: wanted a C-contiguous array, got one with gaps or another order")
