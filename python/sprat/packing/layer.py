"""One layer of a packed network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .formats import FORMATS, INTEGERS, PRODUCTS, ZEROS, from_bfloat16, group_size_of, pairs_of

__all__ = ["PackedLayer"]


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """One layer: its weights in a number format, and the form in which it multiplies its input.

    Attributes
    ----------
    weight : ndarray (out_features, in_features)
        int8 for ``weights="int8"`` and, codes of -8 to 7, for ``"int4"``; float32; float16; uint16 for ``"bfloat16"``.
    weight_scale : float32 ndarray, or None
        Step of the codes, whose zero point is 0: (out_features,) for int8, (out_features, groups) for int4.
    bias : float32 ndarray (out_features,), or None
    activation : str
    input_scale, input_zero_point : float and int, or None
        With integers: of the uint8 codes of the input (static); None: each row of the input by its own range (dynamic).
    weights : {"int8", "int4", "float32", "float16", "bfloat16"}
        float16 and bfloat16 are widened to float32 before they are multiplied.
    zeros : {"dense", "unstructured", "blocks"}
        How zeros of the weight are left out, which changes no bit of the output for finite inputs (but for the sign of
        a zero where every product of a sum underflows: +0). ``"unstructured"``, for float32: each zero. ``"blocks"``:
        where 16 consecutive outputs by one input (float32), or by four consecutive inputs (int8), are zero.
    group_size : int
        For int4: inputs that share a scale, a multiple of 32; otherwise 0.
    products : {"float32", "bfloat16"}
        For bfloat16 weights. ``"bfloat16"`` rounds the input too and multiplies with the CPU's own instruction where it
        has one: up to twice as fast, and the one place of the library where bits differ from CPU to CPU.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat.packing import PackedLayer
    >>> layer = PackedLayer(np.int8([[1, 2, 3]]), np.float32([0.5]), None, "relu")
    >>> layer.in_features, layer.out_features, layer.input
    (3, 1, 'dynamic')
    >>> PackedLayer(np.float32([[1, 0, 3]]), weights="float32", zeros="unstructured").input
    'float'
    """

    weight: NDArray[Any]
    weight_scale: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None
    activation: str = "identity"
    input_scale: float | None = None
    input_zero_point: int | None = None
    weights: str = "int8"
    zeros: str = "dense"
    group_size: int = 0
    products: str = "float32"

    @property
    def in_features(self) -> int:
        """Columns of the input."""
        return int(self.weight.shape[1])

    @property
    def out_features(self) -> int:
        """Columns of the output."""
        return int(self.weight.shape[0])

    @property
    def is_integer(self) -> bool:
        """Whether it multiplies integers."""
        return self.weights in INTEGERS

    @property
    def format(self) -> str:
        """Its weights in words, with how zeros are left out: "int8", "float32 unstructured", "bfloat16 products"."""
        words = self.weights if self.products == "float32" else f"{self.products} products"
        return words if self.zeros == "dense" else f"{words} {self.zeros}"

    @property
    def input(self) -> str:
        """In which form it multiplies its input: "float", "static" or "dynamic" uint8 codes, or "bfloat16"."""
        if not self.is_integer:
            return "bfloat16" if self.products == "bfloat16" else "float"
        return "dynamic" if self.input_scale is None else "static"

    @property
    def is_static(self) -> bool:
        """Whether the codes of the input have one scale for all rows."""
        return self.input_scale is not None

    @property
    def input_qparams(self) -> tuple[float, int] | None:
        """Scale and zero point of the input's codes, None when dynamic."""
        if self.input_scale is None or self.input_zero_point is None:
            return None
        return self.input_scale, self.input_zero_point

    def float_weight(self) -> NDArray[np.float32]:
        """The real numbers that the weight stands for: (out_features, in_features).

        >>> import numpy as np
        >>> from sprat.packing import PackedLayer
        >>> PackedLayer(np.int8([[1, 2, 3]]), np.float32([0.5])).float_weight()
        array([[0.5, 1. , 1.5]], dtype=float32)
        """
        if self.weights == "bfloat16":
            return from_bfloat16(self.weight)
        if self.weight_scale is None:
            return self.weight.astype(np.float32)
        from ..quantization import dequantize, dequantize_groups

        if self.weights == "int8":
            return dequantize(self.weight, self.weight_scale, axis=0)
        return dequantize_groups(self.weight, self.weight_scale, self.group_size)

    def checked(self, index: int) -> PackedLayer:
        """The layer with arrays of its own that nobody writes to; ``index`` is its place in the network.

        What is in the arrays the native module proves.
        """
        name = f"layers[{index}]"
        _check.check_choice(f"{name}.weights", self.weights, tuple(FORMATS))
        _check.check_choice(f"{name}.zeros", self.zeros, ZEROS)
        _check.check_choice(f"{name}.products", self.products, PRODUCTS)
        if self.products == "bfloat16" and self.weights != "bfloat16":
            raise ValueError(f"{name}.products: wanted float32 for {self.weights} weights, got 'bfloat16'")
        if (self.input_scale is None) != (self.input_zero_point is None):
            raise ValueError(f"{name}: wanted input_scale and input_zero_point, or neither")
        if self.input_scale is not None and not self.is_integer:
            raise ValueError(f"{name}.input_scale: wanted None for {self.weights} weights, got {self.input_scale!r}")
        if self.is_integer == (self.weight_scale is None):
            raise ValueError(f"{name}.weight_scale: wanted scales for int8 and int4, and None for other weights")
        scale, zero = self.input_scale, self.input_zero_point
        if zero is not None:
            zero = _check.check_count(f"{name}.input_zero_point", zero, 0)
            if zero > 255:
                raise ValueError(f"{name}.input_zero_point: wanted 0 to 255, got {zero}")
        if scale is not None:
            with np.errstate(over="ignore"):  # the native module refuses what becomes infinite
                scale = float(np.float32(_check.check_positive(f"{name}.input_scale", scale)))
        weight = _frozen(f"{name}.weight", self.weight, FORMATS[self.weights])
        if weight.ndim != 2 or weight.size == 0:
            raise ValueError(f"{name}.weight: wanted (out_features, in_features), got shape {weight.shape}")
        if self.weights == "int4" and (weight.min() < -8 or weight.max() > 7):
            raise ValueError(f"{name}.weight: wanted codes from -8 to 7, got {weight.min()} to {weight.max()}")
        reals = from_bfloat16(weight) if self.weights == "bfloat16" else weight
        if not np.isfinite(reals).all():
            raise ValueError(f"{name}.weight: wanted finite numbers")
        return PackedLayer(
            weight,
            None if self.weight_scale is None else _frozen(f"{name}.weight_scale", self.weight_scale, np.float32),
            None if self.bias is None else _frozen(f"{name}.bias", self.bias, np.float32),
            str(self.activation),
            scale,
            zero,
            self.weights,
            self.zeros,
            group_size_of(self.group_size) if self.weights == "int4" else int(self.group_size),
            self.products,
        )

    def native(self) -> tuple[Any, ...]:
        """The layer as the native module takes it."""
        weight = self.weight
        if self.weights == "int4":
            weight = pairs_of(weight)
        elif self.weights == "float16":
            weight = weight.view(np.uint16)
        scale, zero = self.input_qparams or (1.0, 0)
        return (
            (self.weights, self.zeros, self.input, self.activation),
            (weight, self.weight_scale, self.bias),
            (self.in_features, self.group_size),
            (scale, zero),
        )


def _frozen(name: str, values: ArrayLike, dtype: Any) -> NDArray[Any]:
    given = np.asarray(values)
    if given.dtype != dtype:
        raise TypeError(f"{name}: wanted {np.dtype(dtype)}, got {given.dtype}")
    array = np.array(given, dtype, order="C")
    array.flags.writeable = False
    return array
