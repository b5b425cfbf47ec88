"""Optimizer steps: one array of several sizes, and many small ones. Peers: NumPy (in place), torch.optim fused.

python -m bench.bench_optim [--threads 2] [--only adam] [--json bench/results/optim.local.json]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sprat import optim

from .harness import Candidate, Case, aligned, main

try:
    import torch
except ImportError:
    torch = None

Array = np.ndarray
LR = 1e-3


def reference(name: str, w: Array, grad: Array) -> Array:
    """The first step in float64."""
    w, g = w.astype(np.float64), grad.astype(np.float64)
    if name == "Adam":
        return w - LR * g / (np.abs(g) + 1e-8)
    return w - LR * g


def make_inputs(sizes: list[int]) -> tuple[list[Array], list[Array]]:
    rng = np.random.default_rng(0)
    params, grads = ([aligned(rng.standard_normal(size, np.float32)) for size in sizes] for _ in range(2))
    return params, grads


def checked(name: str, adapter: Callable[..., Any], sizes: list[int], options: dict[str, Any]) -> Callable[[], None]:
    """One step on fresh arrays must be the reference's."""

    def check() -> None:
        params, grads = make_inputs(sizes)
        wanted = [reference(name, w, g) for w, g in zip(params, grads, strict=True)]
        call, values = adapter(name, params, grads, options)
        call()
        for got, want in zip(values(), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)

    return check


# ---- adapters: (call, function that gives the parameters as arrays)


def with_sprat(name: str, params: list[Array], grads: list[Array], options: dict[str, Any]) -> Any:
    optimizer = getattr(optim, name)(params, lr=LR, **options)
    optimizer.bind(grads)
    return optimizer.step, lambda: params


def with_torch(name: str, params: list[Array], grads: list[Array], options: dict[str, Any]) -> Any:
    tensors = [torch.tensor(w, requires_grad=True) for w in params]
    for tensor, grad in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(grad)
    optimizer = getattr(torch.optim, name)(tensors, lr=LR, fused=True, **options)
    return optimizer.step, lambda: [tensor.detach().numpy() for tensor in tensors]


def with_numpy(name: str, params: list[Array], grads: list[Array], options: dict[str, Any]) -> Any:
    """The usual lines, in place, with preallocated temporaries."""
    state = [tuple(aligned(np.zeros_like(w)) for _ in range(4)) for w in params]
    step = 0

    def adam() -> None:
        nonlocal step
        step += 1
        c1, c2 = 1 - 0.9**step, 1 - 0.999**step
        for w, g, (m, v, a, b) in zip(params, grads, state, strict=True):
            m *= 0.9
            np.multiply(g, 0.1, out=a)
            m += a
            v *= 0.999
            np.multiply(g, g, out=a)
            a *= 0.001
            v += a
            np.divide(v, c2, out=a)
            np.sqrt(a, out=a)
            a += 1e-8
            np.divide(m, a, out=b)
            b *= LR / c1
            w -= b

    def sgd() -> None:
        for w, g, (m, _, a, _) in zip(params, grads, state, strict=True):
            m *= options["momentum"]
            m += g
            np.multiply(m, LR, out=a)
            w -= a

    return {"Adam": adam, "SGD": sgd}[name], lambda: params


ADAPTERS = {"sprat": with_sprat, "numpy": with_numpy} | ({"torch fused": with_torch} if torch else {})


def make_case(title: str, name: str, sizes: list[int], arrays: int, moved: int, **options: Any) -> Case:
    """`arrays` are touched by a step; `moved` of them are read or written."""
    candidates = []
    for peer, adapter in ADAPTERS.items():
        call, _ = adapter(name, *make_inputs(sizes), options)
        candidates.append(Candidate(peer, call, checked(name, adapter, sizes, options)))
    total = 4 * sum(sizes)
    return Case(title, candidates, bytes=moved * total, working_set=arrays * total)


def denormal_case(title: str, name: str, n: int, gradient: float, **options: Any) -> Case:
    """Gradients, states and parameters that lead into the denormal range, beside ordinary numbers."""
    calls = {}
    for kind, value in (("sprat", gradient), ("normal", 1.0)):
        w, g = (aligned(np.full(n, value, np.float32)) for _ in range(2))
        optimizer = getattr(optim, name)([w], lr=LR, **options)
        for state in optimizer.state[0].values():
            state[...] = value
        optimizer.bind([g])
        calls[kind] = optimizer.step
    return Case(title, [Candidate(kind, call, lambda: None) for kind, call in calls.items()])


def cases() -> Iterator[Case]:
    for n in (1, 1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        # reads parameter, gradient and two averages; writes three of them
        yield make_case(f"adam, n = {n:,}", "Adam", [n], arrays=4, moved=7)
    yield make_case("adam, 1000 arrays of 1000", "Adam", [1000] * 1000, arrays=4, moved=7)
    for n in (1_000, 100_000, 1_000_000):
        # reads parameter, gradient and buffer; writes two of them
        yield make_case(f"sgd momentum, n = {n:,}", "SGD", [n], arrays=3, moved=5, momentum=0.9)
    for name, options in (("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {"momentum": 0.9, "centered": True})):
        yield denormal_case(f"{name.lower()}, n = 20,000, all of 1e-40", name, 20_000, 1e-40, **options)
        yield denormal_case(f"{name.lower()}, n = 20,000, all of 1e-20", name, 20_000, 1e-20, **options)


if __name__ == "__main__":
    main("optim", cases)
