"""The losses and their gradients in plain float64: row by row, then the mean. Targets are always (rows, columns)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log_softmax(z: Array) -> Array:
    """log(exp(z_c) / sum_k exp(z_k)), shifted by the largest."""
    h = z - z.max(axis=1, keepdims=True)
    return h - np.log(np.exp(h).sum(axis=1, keepdims=True))


def softmax(z: Array) -> Array:
    return np.exp(log_softmax(z))


def softplus(z: Array) -> Array:
    return np.logaddexp(0, z)


def sigmoid(z: Array) -> Array:
    return np.exp(-softplus(-z))


def one_hot(ids: NDArray[np.int64], classes: int) -> Array:
    return (ids[:, None] == np.arange(classes)).astype(np.float64)


def cross_entropy(
    z: Array, t: Array, label_smoothing: float = 0.0, class_weight: Array | None = None
) -> tuple[Array, Array]:
    """l = - sum_c w_c t'_c log softmax(z)_c with t' = (1 - s) t + s / K; dl = softmax(z) sum_c w_c t'_c - w t'."""
    w = np.ones(z.shape[1]) if class_weight is None else class_weight
    share = w * ((1 - label_smoothing) * t + label_smoothing / z.shape[1])
    return -(share * log_softmax(z)).sum(axis=1), softmax(z) * share.sum(axis=1, keepdims=True) - share


def bce_with_logits(z: Array, t: Array, pos_weight: Array | None = None) -> tuple[Array, Array]:
    """l = - mean_c (pos_weight t log sigmoid(z) + (1 - t) log(1 - sigmoid(z)))."""
    w = np.ones(z.shape[1]) if pos_weight is None else pos_weight
    loss = w * t * softplus(-z) + (1 - t) * softplus(z)
    slope = (1 - t) * sigmoid(z) - w * t * sigmoid(-z)
    return loss.mean(axis=1), slope / z.shape[1]


def mse(z: Array, t: Array) -> tuple[Array, Array]:
    """l = mean_c (z - t)^2."""
    return ((z - t) ** 2).mean(axis=1), 2 * (z - t) / z.shape[1]


def mae(z: Array, t: Array) -> tuple[Array, Array]:
    """l = mean_c |z - t|."""
    return np.abs(z - t).mean(axis=1), np.sign(z - t) / z.shape[1]


def huber(z: Array, t: Array, delta: float = 1.0) -> tuple[Array, Array]:
    """Huber 1964: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)."""
    d = z - t
    loss = np.where(np.abs(d) <= delta, d**2 / 2, delta * (np.abs(d) - delta / 2))
    return loss.mean(axis=1), np.clip(d, -delta, delta) / z.shape[1]


def soft(hard: str, z: Array, y: Array, temperature: float, delta: float = 1.0) -> tuple[Array, Array]:
    """The teacher's part (Hinton, Vinyals & Dean 2015): T^2 KL(p || q) of the softened teacher p and student q."""
    if hard == "cross_entropy":
        p, log_p, log_q = softmax(y / temperature), log_softmax(y / temperature), log_softmax(z / temperature)
        return temperature**2 * (p * (log_p - log_q)).sum(axis=1), temperature * (np.exp(log_q) - p)
    if hard == "bce_with_logits":
        a, b = y / temperature, z / temperature
        loss = sigmoid(a) * (softplus(-b) - softplus(-a)) + sigmoid(-a) * (softplus(b) - softplus(a))
        return temperature**2 * loss.mean(axis=1), temperature * (sigmoid(b) - sigmoid(a)) / z.shape[1]
    return {"mse": mse, "mae": mae}[hard](z, y) if hard != "huber" else huber(z, y, delta)


def mean(
    rows: tuple[Array, Array], weight: Array | None = None, denominator: float | None = None
) -> tuple[float, Array]:
    """sum_i u_i l_i / D, and its gradient; D = sum_i u_i unless given."""
    loss, slope = rows
    u = np.ones(len(loss)) if weight is None else weight
    by = u.sum() if denominator is None else denominator
    return float((u * loss).sum() / by), u[:, None] * slope / by
