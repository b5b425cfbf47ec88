"""Quantization: real numbers as 8-bit integers, and networks that multiply them.

Words are those of torch and ONNX: ``scale``, ``zero_point``, ``quant_min``, ``quant_max``, per tensor, per
channel with ``axis``, observer, fake quantization.
"""

from __future__ import annotations

from .arrays import dequantize, fake_quantize, quantize
from .qparams import choose_qparams, value_range

__all__ = ["choose_qparams", "dequantize", "fake_quantize", "quantize", "value_range"]
