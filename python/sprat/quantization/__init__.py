"""Quantization: real numbers as integers of 8 or 4 bits, and networks that multiply them.

Words are those of torch and ONNX: ``scale``, ``zero_point``, ``quant_min``, ``quant_max``, per tensor, per channel
with ``axis``, observer, fake quantization.
"""

from __future__ import annotations

from . import observers
from .arrays import dequantize, fake_quantize, quantize
from .comparison import LayerReport, Report, report
from .groups import dequantize_groups, fake_quantize_groups, group_scales, quantize_groups
from .histogram import Histogram
from .observers import MSE, Entropy, MinMax, MovingAverage, Observer, Percentile
from .post_training import quantize_model, weight_qparams
from .qat import QATConfig, QATState
from .qparams import choose_qparams, value_range

__all__ = [
    "MSE",
    "Entropy",
    "Histogram",
    "LayerReport",
    "MinMax",
    "MovingAverage",
    "Observer",
    "Percentile",
    "QATConfig",
    "QATState",
    "Report",
    "choose_qparams",
    "dequantize",
    "dequantize_groups",
    "fake_quantize",
    "fake_quantize_groups",
    "group_scales",
    "observers",
    "quantize",
    "quantize_groups",
    "quantize_model",
    "report",
    "value_range",
    "weight_qparams",
]
