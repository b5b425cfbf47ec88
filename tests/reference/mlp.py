"""A multilayer perceptron in plain NumPy float64: the equations, one line each.

z[l] = x[l] weight[l]^T + bias[l],  y[l] = f(z[l]),  x[l + 1] = y[l]          (x[0]: the batch)
dz[l] = dy[l] f'(z[l]),  dw[l] = dz[l]^T x[l],  db[l] = sum over rows of dz[l],  dy[l - 1] = dz[l] weight[l]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_erf = np.vectorize(math.erf, otypes=[float])
_C = math.sqrt(2 / math.pi)


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _gelu_tanh_slope(z: Any) -> Any:
    t = np.tanh(_C * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z * (1 - t**2) / 2 * _C * (1 + 3 * 0.044715 * z**2)


ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z > 0, 1.0, np.exp(z))),
    "gelu": (
        lambda z: z * (1 + _erf(z / math.sqrt(2))) / 2,
        lambda z: (1 + _erf(z / math.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
    ),
    "gelu_tanh": (lambda z: z * (1 + np.tanh(_C * (z + 0.044715 * z**3))) / 2, _gelu_tanh_slope),
    "silu": (lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z)))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "softplus": (lambda z: np.log1p(np.exp(z)), _sigmoid),
    "hardswish": (
        lambda z: z * np.clip(z + 3, 0, 6) / 6,
        lambda z: np.where(z <= -3, 0.0, np.where(z >= 3, 1.0, (2 * z + 3) / 6)),
    ),
}


class Mlp:
    """The layers and parameters of a ``sprat.nn.MLP``, in float64."""

    def __init__(self, model: Any) -> None:
        self.layers = model.layers
        self.params = {name: view.astype(np.float64) for name, view in model.parameters().items()}

    def forward(self, x: Any) -> Any:
        """Raw outputs; keeps what ``backward`` needs."""
        x = np.asarray(x, np.float64)
        self.x, self.z = [], []
        for i, layer in enumerate(self.layers):
            self.x.append(x)
            self.z.append(x @ self.params[f"layers.{i}.weight"].T + self.params.get(f"layers.{i}.bias", 0.0))
            x = ACTIVATIONS[layer.activation][0](self.z[-1])
        return x

    def backward(self, grad_output: Any, hidden: dict[int, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """Gradients by parameter name, and with respect to the batch."""
        grads = {}
        dy = np.asarray(grad_output, np.float64)
        for i in reversed(range(len(self.layers))):
            dy = dy + (hidden or {}).get(i, 0.0)
            dz = dy * ACTIVATIONS[self.layers[i].activation][1](self.z[i])
            grads[f"layers.{i}.weight"] = dz.T @ self.x[i]
            if self.layers[i].bias:
                grads[f"layers.{i}.bias"] = dz.sum(axis=0)
            dy = dz @ self.params[f"layers.{i}.weight"]
        return grads, dy
