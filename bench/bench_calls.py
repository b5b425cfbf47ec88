"""What lies between Python's call and the first multiply: the smallest problem of each kind, all of it overhead.

The limit is the call of a Python function that does nothing. The same work "from C" shows what Python costs, and what
sprat.cython_api costs beside a C program that calls libsprat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import sprat

from .cases import Candidate, Case, Work
from .networks import Network
from .problems import ArrayStep, Quantizing
from .tasks import candidates, check_prediction
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """One row of a 1-1 network in several ways, one element of an array, one training step."""
    network = Network((1, 1), 1)
    ways: dict[str, Callable[[], list[Candidate]]] = {
        "predict, 1-1, 1 row": lambda: candidates(
            "predict", network, wanted.threads, check_prediction(network), wanted.includes
        ),
        "predict, 1-1, 1 row, from C": lambda: candidates(
            "predict from C", network, wanted.threads, check_prediction(network)
        ),
        "predict, 1-1, 1 row, without out": lambda: [_without_out()],
        "threshold pruning, n = 1": lambda: [_threshold()],
        "training step, 1-1, 1 row": lambda: candidates("train", network, wanted.threads, _ran, wanted.includes),
    }
    for name, options in (("Adam", {}), ("SGD", {"momentum": 0.9})):
        step = ArrayStep(name, [1], options)
        ways[f"{name.lower()} step, n = 1"] = lambda step=step: candidates(
            "array step", step, wanted.threads, step.check, wanted.includes
        )
    codes = Quantizing(1, per_channel=False)
    for task, check in (("quantize", codes.check_codes), ("dequantize", codes.check_numbers)):
        ways[f"{task}, n = 1"] = lambda task=task, check=check: candidates(
            task, codes, wanted.threads, check, wanted.includes
        )
    ways["quantize, n = 1, from C"] = lambda: candidates("quantize from C", codes, wanted.threads, codes.check_codes)
    for title, make in ways.items():
        if wanted.case(title):
            yield Case(title, make(), Work(calls=0 if title.endswith("from C") else 1))


def _ran(prepared: object) -> None:
    """One weight and one bias have gradients of any size: topic train checks the steps."""


def _without_out() -> Candidate:
    predictor = sprat.Predictor(sprat.nn.MLP([1, 1]))
    x = np.ones((1, 1), np.float32)
    return Candidate("sprat", lambda: predictor(x), lambda: None)


def _threshold() -> Candidate:
    x = np.ones(1, np.float32)
    return Candidate("sprat", lambda: sprat.prune.threshold(x, 0.5), lambda: None)
