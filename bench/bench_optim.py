"""Optimizer steps: one array of several sizes, a thousand small ones, and denormal numbers beside ordinary ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sprat import optim

from .arrays import aligned
from .cases import Candidate, Case
from .problems import ArrayStep
from .tasks import candidates
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """Adam, SGD with momentum, then the drill with denormals."""
    sizes = [(f"n = {n:,}", [n]) for n in (1_000, 10_000, 100_000, 1_000_000, 10_000_000)]
    problems = [(f"adam, {words}", ArrayStep("Adam", size)) for words, size in sizes]
    problems.append(("adam, 1000 arrays of 1000", ArrayStep("Adam", [1000] * 1000)))
    for n in (1_000, 100_000, 1_000_000):
        problems.append((f"sgd momentum, n = {n:,}", ArrayStep("SGD", [n], {"momentum": 0.9})))
    for title, problem in problems:
        if wanted.case(title):
            found = candidates("array step", problem, wanted.threads, problem.check, wanted.includes)
            yield Case(title, found, problem.work)
    for name, options in (("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {"momentum": 0.9, "centered": True})):
        for value in (1e-40, 1e-20):
            title = f"{name.lower()}, n = 20,000, all of {value:g}"
            if wanted.case(title):
                yield denormal_case(title, name, 20_000, value, **options)


def denormal_case(title: str, name: str, n: int, value: float, **options: Any) -> Case:
    """Gradients, states and parameters that lead into the denormal range, beside ordinary numbers: not twice as slow."""
    found = []
    for words, number in (("sprat", value), ("ordinary numbers", 1.0)):
        w, g = (aligned(np.full(n, number, np.float32)) for _ in range(2))
        optimizer = getattr(optim, name)([w], lr=1e-3, **options)
        for state in optimizer.state[0].values():
            state[...] = number
        optimizer.bind([g])
        found.append(Candidate(words, optimizer.step, lambda: None))
    return Case(title, found)
