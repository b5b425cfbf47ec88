"""Networks packed for serving: each layer in a number format of its own, zeros left out where that pays.

:func:`pack` makes a :class:`PackedMLP` of a trained model; :func:`sprat.quantization.quantize_model` makes one of int8
everywhere.
"""

from __future__ import annotations

from .break_even import BreakEven, Curve, break_even
from .formats import FORMATS, PRODUCTS, ZEROS
from .layer import PackedLayer
from .model import PackedMLP
from .pack import pack

__all__ = [
    "FORMATS",
    "PRODUCTS",
    "ZEROS",
    "BreakEven",
    "Curve",
    "PackedLayer",
    "PackedMLP",
    "break_even",
    "pack",
]
