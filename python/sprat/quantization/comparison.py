"""How far a quantized model is from its float model, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..nn.mlp import MLP
from ..packing.model import PackedMLP

__all__ = ["LayerReport", "Report", "report"]


@dataclass(frozen=True)
class LayerReport:
    """What quantization did to one layer; ``y`` are its activations in the float model, ``y_q`` in the quantized one.

    Attributes
    ----------
    weight_snr, snr : float
        Signal to noise of weights and activations in decibels, ``10 log10(sum y^2 / sum (y - y_q)^2)``; infinite where
        nothing differs. Each bit of a code is worth 6 dB.
    max_error, mean_error : float
        Of ``|y - y_q|``.
    cosine : float
        Of the angle between ``y`` and ``y_q``.
    saturated : float
        Share of the layer's input that lies outside of its codes, 0 when dynamic.

    Examples
    --------
    >>> import sprat
    >>> model = sprat.nn.MLP([2, 3], seed=0)
    >>> quantized = sprat.quantization.quantize_model(model)
    >>> layer = sprat.quantization.report(model, quantized, [[1.0, 2.0]]).layers[0]
    >>> isinstance(layer, sprat.quantization.LayerReport), layer.name
    (True, 'layers.0')
    """

    name: str
    weight_snr: float
    snr: float
    max_error: float
    mean_error: float
    cosine: float
    saturated: float


@dataclass(frozen=True)
class Report:
    """The layers' reports; the last one speaks of the output. ``print`` shows a table.

    Examples
    --------
    >>> import sprat
    >>> model = sprat.nn.MLP([2, 3], seed=0)
    >>> report = sprat.quantization.report(model, sprat.quantization.quantize_model(model), [[1.0, 2.0]])
    >>> isinstance(report, sprat.quantization.Report)
    True
    >>> print(report)
    layer ...
    """

    layers: tuple[LayerReport, ...]
    float_bytes: int
    quantized_bytes: int

    def __str__(self) -> str:
        head = f"{'layer':<12}{'weights dB':>12}{'output dB':>12}{'max error':>12}{'mean error':>12}{'cosine':>10}"
        lines = [f"{head}{'saturated':>12}"]
        for layer in self.layers:
            lines.append(
                f"{layer.name:<12}{layer.weight_snr:>12.1f}{layer.snr:>12.1f}{layer.max_error:>12.3g}"
                f"{layer.mean_error:>12.3g}{layer.cosine:>10.5f}{layer.saturated:>11.2%} "
            )
        ratio = self.float_bytes / self.quantized_bytes
        lines.append(f"{self.float_bytes:,} bytes become {self.quantized_bytes:,}, {ratio:.1f} times fewer")
        return "\n".join(line.rstrip() for line in lines)


def report(model: MLP, quantized: PackedMLP, x: ArrayLike) -> Report:
    """Compare a quantized model with its float model on rows of typical inputs.

    Errors accumulate: what a layer shows includes what came from the layers below it.

    Parameters
    ----------
    model : nn.MLP
    quantized : PackedMLP
        Of the same layers.
    x : array_like (rows, in_features), or a table when the model has an encoder

    Returns
    -------
    Report

    Examples
    --------
    >>> import numpy as np, sprat
    >>> x = np.random.default_rng(0).standard_normal((500, 8)).astype(np.float32)
    >>> model = sprat.nn.MLP([8, 64, 4], seed=0)
    >>> report = sprat.quantization.report(model, sprat.quantization.quantize_model(model, x), x)
    >>> bool(report.layers[-1].snr > 30)
    True
    """
    shapes = [(layer.in_features, layer.out_features) for layer in model.layers]
    if shapes != [(layer.in_features, layer.out_features) for layer in quantized.layers]:
        raise ValueError("quantized: wanted a model of the same layers")
    inputs = model._inputs(x)
    if inputs.shape[0] == 0:
        raise ValueError("x: wanted at least one row")
    parameters, dequantized = model.parameters(), quantized.dequantize().parameters()
    layers = []
    below = np.asarray(inputs, np.float32)
    for index, layer in enumerate(quantized.layers):
        name = f"layers.{index}"
        y = model.hidden(inputs, index).astype(np.float64)
        y_q = quantized.hidden(inputs, index).astype(np.float64)
        error = np.abs(y - y_q)
        norms = float(np.linalg.norm(y) * np.linalg.norm(y_q))
        layers.append(
            LayerReport(
                name,
                _decibels(parameters[f"{name}.weight"], dequantized[f"{name}.weight"]),
                _decibels(y, y_q),
                float(error.max()),
                float(error.mean()),
                float(np.sum(y * y_q)) / norms if norms > 0 else 1.0,
                _saturated(below, layer.input_scale, layer.input_zero_point),
            )
        )
        below = y_q.astype(np.float32)
    return Report(tuple(layers), model.params.nbytes, quantized.nbytes)


def _decibels(signal: NDArray[Any], approximation: NDArray[Any]) -> float:
    signal = signal.astype(np.float64)
    noise = float(np.sum(np.square(signal - approximation)))
    power = float(np.sum(np.square(signal)))
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(power / noise)) if power > 0 else float("-inf")


def _saturated(x: NDArray[Any], scale: float | None, zero_point: int | None) -> float:
    if scale is None or zero_point is None:
        return 0.0
    codes = np.rint(x / np.float32(scale)) + np.float32(zero_point)
    return float(np.mean((codes < 0) | (codes > 255)))
