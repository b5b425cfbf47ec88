"""The optimizers in plain float64, as their papers write them, and the options that every test goes through.

A function ``name(param, grad, state, t, **options)`` returns the new parameter and changes `state`, a dict of arrays
under torch's names. t = 1 for the first step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = dict[str, Any]


def _average(state: State, name: str, decay: float, value: Array, gain: float | None = None) -> Array:
    """state = decay * state + (1 - decay) * value"""
    state[name] = decay * state.get(name, np.zeros_like(value)) + (1 - decay if gain is None else gain) * value
    return state[name]


def sgd(
    param: Array,
    grad: Array,
    state: State,
    t: int,
    *,
    lr: float = 1e-3,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Array:
    """Sutskever et al. 2013 in torch's form: buf = momentum buf + (1 - dampening) g; param -= lr buf."""
    g = grad + weight_decay * param
    if not momentum:
        return param - lr * g
    buf = _average(state, "momentum_buffer", momentum, g, 1.0 if t == 1 else 1 - dampening)
    return param - lr * (g + momentum * buf if nesterov else buf)


def adagrad(
    param: Array,
    grad: Array,
    state: State,
    t: int,
    *,
    lr: float = 1e-2,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> Array:
    """Duchi et al. 2011, figure 1: sum += g^2; param -= lr_t g / (sqrt(sum) + eps)."""
    g = grad + weight_decay * param
    state["sum"] = state.get("sum", np.full_like(param, initial_accumulator_value)) + g**2
    return param - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(state["sum"]) + eps)


def rmsprop(
    param: Array,
    grad: Array,
    state: State,
    t: int,
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> Array:
    """Graves 2013, equations 38 to 45: the gradient over its root mean square, or over its deviation."""
    g = grad + weight_decay * param
    variance = _average(state, "square_avg", alpha, g**2)
    if centered:
        variance = np.maximum(variance - _average(state, "grad_avg", alpha, g) ** 2, 0.0)
    scaled = g / (np.sqrt(variance) + eps)
    if momentum:
        scaled = _average(state, "momentum_buffer", momentum, scaled, 1.0)
    return param - lr * scaled


def adam(
    param: Array,
    grad: Array,
    state: State,
    t: int,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    decoupled_weight_decay: bool = False,
) -> Array:
    """Kingma & Ba 2015, algorithm 1: param -= lr m_hat / (sqrt(v_hat) + eps). Reddi et al. 2018 for amsgrad."""
    if decoupled_weight_decay:
        param = param - lr * weight_decay * param
    g = grad if decoupled_weight_decay else grad + weight_decay * param
    m_hat = _average(state, "exp_avg", betas[0], g) / (1 - betas[0] ** t)
    v = _average(state, "exp_avg_sq", betas[1], g**2)
    if amsgrad:
        v = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", np.zeros_like(v)), v)
    v_hat = v / (1 - betas[1] ** t)
    return param - lr * m_hat / (np.sqrt(v_hat) + eps)


def adamw(param: Array, grad: Array, state: State, t: int, *, weight_decay: float = 1e-2, **options: Any) -> Array:
    """Loshchilov & Hutter 2019, algorithm 2: the decay acts on the parameter."""
    return adam(param, grad, state, t, weight_decay=weight_decay, decoupled_weight_decay=True, **options)


def nadam(
    param: Array,
    grad: Array,
    state: State,
    t: int,
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    decoupled_weight_decay: bool = False,
) -> Array:
    """Dozat 2016, algorithm 8, with mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)."""
    if decoupled_weight_decay:
        param = param - lr * weight_decay * param
    g = grad if decoupled_weight_decay else grad + weight_decay * param
    mu, mu_next = (betas[0] * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
    product = state["mu_product"] = state.get("mu_product", 1.0) * mu
    m = _average(state, "exp_avg", betas[0], g)
    v_hat = _average(state, "exp_avg_sq", betas[1], g**2) / (1 - betas[1] ** t)
    look_ahead = (1 - mu) / (1 - product) * g + mu_next / (1 - product * mu_next) * m
    return param - lr * look_ahead / (np.sqrt(v_hat) + eps)


def lion(
    param: Array,
    grad: Array,
    state: State,
    t: int,
    *,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0,
) -> Array:
    """Chen et al. 2023, algorithm 2: param -= lr (sign(beta1 m + (1 - beta1) g) + weight_decay param)."""
    m = state.get("exp_avg", np.zeros_like(grad))
    direction = np.sign(betas[0] * m + (1 - betas[0]) * grad)
    _average(state, "exp_avg", betas[1], grad)
    return param - lr * (direction + weight_decay * param)


UPDATES: dict[str, Callable[..., Array]] = {
    "SGD": sgd,
    "Adagrad": adagrad,
    "RMSprop": rmsprop,
    "Adam": adam,
    "AdamW": adamw,
    "NAdam": nadam,
    "Lion": lion,
}

# Every option of every optimizer, alone and with others.
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.3},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.4},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.7, "nesterov": True, "weight_decay": 0.2},
    ],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.5},
        {"lr": 0.1, "weight_decay": 0.3},
        {"lr": 0.1, "initial_accumulator_value": 0.7, "eps": 1e-3},
    ],
    "RMSprop": [
        {},
        {"alpha": 0.6, "eps": 1e-3},
        {"weight_decay": 0.3},
        {"momentum": 0.9},
        {"centered": True, "alpha": 0.9},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1, "alpha": 0.9},
    ],
    "Adam": [
        {},
        {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3},
        {"lr": 0.1, "betas": (0.0, 0.9)},
        {"lr": 0.1, "weight_decay": 0.3},
        {"lr": 0.1, "amsgrad": True, "betas": (0.9, 0.6)},
        {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True},
    ],
    "AdamW": [{}, {"lr": 0.1, "weight_decay": 0.3}, {"lr": 0.1, "amsgrad": True, "betas": (0.9, 0.6)}],
    "NAdam": [
        {},
        {"lr": 0.1, "momentum_decay": 0.5, "betas": (0.8, 0.9), "eps": 1e-3},
        {"lr": 0.1, "weight_decay": 0.3},
        {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True},
    ],
    "Lion": [{}, {"lr": 0.1, "betas": (0.5, 0.8)}, {"lr": 0.1, "weight_decay": 0.3}],
}

CASES = [(name, options) for name, entries in OPTIONS.items() for options in entries]


def case_id(case: Any) -> str:
    """A readable name for a test: its optimizer, or its options."""
    if isinstance(case, str):
        return case
    return "-".join(f"{key}={value}" for key, value in case.items()) or "defaults"


def run(
    name: str, params: Sequence[Array], grads: Sequence[Sequence[Array]], *, maximize: bool = False, **options: Any
) -> tuple[list[Array], list[State]]:
    """Parameters and states after one step for each entry of `grads`, a list of gradients."""
    values = [np.array(param, np.float64) for param in params]
    states: list[State] = [{} for _ in values]
    for t, step in enumerate(grads, 1):
        for i, grad in enumerate(step):
            signed = (-1.0 if maximize else 1.0) * np.asarray(grad, np.float64)
            values[i] = UPDATES[name](values[i], signed, states[i], t, **options)
    return values, states
