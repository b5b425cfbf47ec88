"""Weights of four bits: codes -7 to 7 with one scale for each group of consecutive inputs of an output.

One scale for a whole row is too coarse for 15 levels: its largest weight decides for all. A scale for every
``group_size`` inputs costs 32 / group_size bits a weight and follows the weights where they are small (Dettmers &
Zettlemoyer 2023, "The case for 4-bit precision"; the layout of GPTQ and ggml). Packing and quantization-aware training
both come here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import _check
from .arrays import dequantize, fake_quantize, quantize
from .qparams import choose_qparams, value_range

__all__ = ["dequantize_groups", "fake_quantize_groups", "group_scales", "quantize_groups"]

LIMIT = 7  # codes -7 ... 7: as many steps to either side, so that 0 and the sign cost nothing


def group_scales(weight: ArrayLike, group_size: int = 32) -> NDArray[np.float32]:
    """The scale of each group: its largest magnitude / 7.

    Parameters
    ----------
    weight : array (out_features, in_features)
        Finite.
    group_size : int
        Consecutive inputs that share a scale; the last group of a row may be shorter. 32 costs one bit a weight with
        float32 scales.

    Returns
    -------
    float32 ndarray (out_features, groups), groups = ceil(in_features / group_size)
        1 for a group of zeros.

    Raises
    ------
    TypeError, ValueError
        One line that names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import group_scales
    >>> group_scales(np.float32([[7, 1, -14, 0, 0]]), group_size=2)
    array([[1., 2., 1.]], dtype=float32)
    """
    matrix, size = _matrix("weight", weight), _check.check_count("group_size", group_size)
    groups = _grouped(np.asarray(matrix, np.float32), size)
    try:
        low, high = value_range(groups.reshape(-1, groups.shape[-1]), 0)
    except ValueError as error:
        raise ValueError(f"weight{str(error).removeprefix('x')}") from None
    scale, _ = choose_qparams(low, high, "int8", symmetric=True, quant_min=-LIMIT, quant_max=LIMIT)
    return np.asarray(scale.reshape(groups.shape[:2]), np.float32)


def quantize_groups(weight: ArrayLike, scale: ArrayLike, group_size: int = 32) -> NDArray[np.int8]:
    """The codes: ``clamp(round_half_even(weight / scale), -7, 7)``, one to a byte.

    Parameters
    ----------
    weight : array (out_features, in_features)
    scale : float32 array (out_features, groups)
        Of :func:`group_scales`.
    group_size : int

    Returns
    -------
    int8 ndarray (out_features, in_features)

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import group_scales, quantize_groups
    >>> weight = np.float32([[7, 1, -14, 3, 0]])
    >>> quantize_groups(weight, group_scales(weight, 2), 2)
    array([[ 7,  1, -7,  2,  0]], dtype=int8)
    """
    matrix = _matrix("weight", weight)
    groups, scales = _pair(matrix, scale, group_size)
    return _rows(quantize(groups, scales, axis=0, quant_min=-LIMIT, quant_max=LIMIT), matrix.shape)


def dequantize_groups(
    codes: ArrayLike, scale: ArrayLike, group_size: int = 32, *, dtype: DTypeLike = "float32"
) -> NDArray[Any]:
    """The weights that the codes stand for, ``code * scale``.

    Parameters
    ----------
    codes : integer array (out_features, in_features)
    scale : float32 array (out_features, groups)
    group_size : int
    dtype : float dtype
        Of the result.

    Returns
    -------
    ndarray (out_features, in_features)

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import dequantize_groups
    >>> dequantize_groups(np.int8([[7, 1, -7]]), np.float32([[1, 2]]), 2)
    array([[  7.,   1., -14.]], dtype=float32)
    """
    matrix = _matrix("codes", codes)
    groups, scales = _pair(matrix, scale, group_size)
    return _rows(dequantize(groups, scales, axis=0, dtype=dtype), matrix.shape)


def fake_quantize_groups(weight: NDArray[Any], group_size: int = 32, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """What :func:`dequantize_groups` makes of the codes of a weight, in one pass.

    Parameters
    ----------
    weight : float array (out_features, in_features)
    group_size : int
    out : array like ``weight``, optional
        Receives the result; may be ``weight`` itself.

    Returns
    -------
    ndarray like ``weight``

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.quantization import fake_quantize_groups
    >>> fake_quantize_groups(np.float32([[7.0, 1.4, -14.0]]), 2)
    array([[  7.,   1., -14.]], dtype=float32)
    """
    matrix = _matrix("weight", weight)
    groups, scales = _pair(matrix, group_scales(matrix, group_size), group_size)
    values = _rows(fake_quantize(groups, scales, axis=0, quant_min=-LIMIT, quant_max=LIMIT), matrix.shape)
    if out is None:
        return values
    out[...] = values
    return out


def _matrix(name: str, values: ArrayLike) -> NDArray[Any]:
    matrix = np.asarray(values)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"{name}: wanted (out_features, in_features), got shape {matrix.shape}")
    return matrix


def _grouped(matrix: NDArray[Any], size: int) -> NDArray[Any]:
    """(out, groups, size); a shorter last group is filled up with zeros, which change neither scale nor codes."""
    rows, columns = matrix.shape
    size = min(size, columns)
    count = -(-columns // size)
    if count * size != columns:
        padded = np.zeros((rows, count * size), matrix.dtype)
        padded[:, :columns] = matrix
        matrix = padded
    return matrix.reshape(rows, count, size)


def _pair(matrix: NDArray[Any], scale: ArrayLike, group_size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The groups as rows, and the scale of each."""
    groups = _grouped(matrix, _check.check_count("group_size", group_size))
    scales = np.asarray(scale)
    if scales.shape != groups.shape[:2]:
        raise ValueError(f"scale: wanted shape {groups.shape[:2]}, one for each group, got {scales.shape}")
    return groups.reshape(-1, groups.shape[-1]), scales.reshape(-1)


def _rows(groups: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    rows, columns = shape
    return np.ascontiguousarray(groups.reshape(rows, -1)[:, :columns])
