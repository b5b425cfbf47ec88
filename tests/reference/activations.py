"""The activations and their derivatives in plain float64, as their papers write them."""

from __future__ import annotations

from math import erf

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# f(-inf), f(inf), f'(-inf), f'(inf), where they are not 0, inf, 0, 1.
LIMITS = {
    "identity": (-np.inf, np.inf, 1, 1),
    "leaky_relu": (-np.inf, np.inf, 0.01, 1),
    "elu": (-1, np.inf, 0, 1),
    "tanh": (-1, 1, 0, 0),
    "sigmoid": (0, 1, 0, 0),
}


def _cdf(z: Array) -> Array:
    """The normal distribution: Phi(z) = (1 + erf(z / sqrt 2)) / 2."""
    return np.array([(1 + erf(v / np.sqrt(2))) / 2 for v in z.ravel().tolist()]).reshape(z.shape)


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), by the exponential that cannot overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def _gelu_tanh_gate(z: Array) -> Array:
    """(1 + tanh u) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3)."""
    return sigmoid(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))


def value(name: str, z: Array) -> Array:
    """y = f(z)."""
    match name:
        case "identity":
            return z
        case "relu":  # Nair & Hinton 2010
            return np.where(z > 0, z, 0)
        case "leaky_relu":  # Maas, Hannun & Ng 2013
            return np.where(z > 0, z, 0.01 * z)
        case "elu":  # Clevert, Unterthiner & Hochreiter 2016, alpha = 1
            return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
        case "gelu":  # Hendrycks & Gimpel 2016: z Phi(z)
            return z * _cdf(z)
        case "gelu_tanh":  # the same, section 2: 0.5 z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3)))
            return z * _gelu_tanh_gate(z)
        case "silu":  # Elfwing, Uchibe & Doya 2018: z sigmoid(z)
            return z * sigmoid(z)
        case "tanh":
            return np.tanh(z)
        case "sigmoid":
            return sigmoid(z)
        case "softplus":  # Dugas et al. 2001: log(1 + exp(z))
            return np.logaddexp(0, z)
        case "hardswish":  # Howard et al. 2019: z relu6(z + 3) / 6
            return z * np.clip(z + 3, 0, 6) / 6
    raise ValueError(name)


def derivative(name: str, z: Array) -> Array:
    """f'(z); at a corner the slope of the flat side."""
    match name:
        case "identity":
            return np.ones_like(z)
        case "relu":
            return np.where(z > 0, 1.0, 0.0)
        case "leaky_relu":
            return np.where(z > 0, 1.0, 0.01)
        case "elu":
            return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)))
        case "gelu":  # Phi(z) + z phi(z)
            return _cdf(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        case "gelu_tanh":
            s = _gelu_tanh_gate(z)
            return s + z * s * (1 - s) * 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
        case "silu":
            s = sigmoid(z)
            return s + z * s * (1 - s)
        case "tanh":
            return 1 / np.cosh(z) ** 2
        case "sigmoid":
            return sigmoid(z) * sigmoid(-z)
        case "softplus":
            return sigmoid(z)
        case "hardswish":
            return np.where(z <= -3, 0.0, np.where(z >= 3, 1.0, z / 3 + 0.5))
    raise ValueError(name)
