"""A multilayer perceptron in plain NumPy float64: the equations, one line each.

z[l] = x[l] weight[l]^T + bias[l],  y[l] = f(z[l]),  x[l + 1] = y[l]          (x[0]: the batch)
dz[l] = dy[l] f'(z[l]),  dw[l] = dz[l]^T x[l],  db[l] = sum over rows of dz[l],  dy[l - 1] = dz[l] weight[l]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import derivative, value


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
            x = value(layer.activation, self.z[-1])
        return x

    def backward(self, grad_output: Any, hidden: dict[int, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """Gradients by parameter name, and with respect to the batch."""
        grads = {}
        dy = np.asarray(grad_output, np.float64)
        for i in reversed(range(len(self.layers))):
            dy = dy + (hidden or {}).get(i, 0.0)
            dz = dy * derivative(self.layers[i].activation, self.z[i])
            grads[f"layers.{i}.weight"] = dz.T @ self.x[i]
            if self.layers[i].bias:
                grads[f"layers.{i}.bias"] = dz.sum(axis=0)
            dy = dz @ self.params[f"layers.{i}.weight"]
        return grads, dy
