"""All threads against one, by representative cases of every topic, and beside the threads of another library.

The "best peer" is sprat itself with one thread, so the ratio says what the others gain: below 1 they help. Beside torch,
each call follows one of torch's with all threads, and the "best peer" is the same call in peace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from sprat import runtime

from .cases import Candidate, Case, is_ours
from .networks import SIZES, Network
from .problems import ArrayStep, Pruning, Quantizing
from .tasks import Prepared, candidates, check_prediction, check_training
from .topics import Wanted

Make = Callable[[], Candidate]


def cases(wanted: Wanted) -> Iterator[Case]:
    """Each piece of work twice, with all threads and with one; some of it beside torch."""
    beside = _torch_work(wanted.threads)
    for title, make in work():
        if wanted.case(title):
            several, one = _with_threads(make(), wanted.threads, "sprat"), _with_threads(make(), 1, "one thread")
            yield Case(title, [several, one])
        together = f"{title}, beside torch"
        if beside and wanted.case(together) and title in ("predict C, 1024 rows", "adam, n = 1,000,000"):
            several = _with_threads(make(), wanted.threads, "sprat")
            alone = replace(_with_threads(make(), wanted.threads, "alone"), reset=lambda: None)
            yield Case(together, [replace(several, reset=beside), alone])


def work() -> Iterator[tuple[str, Make]]:
    """What is done, and a function that prepares it; arrays are made when it is called."""
    for name, sizes in SIZES.items():
        for rows in (1, 1024):
            yield f"predict {name}, {rows} row{'s' * (rows > 1)}", _predict(Network(sizes, rows))
        yield f"train {name}, 128 rows", _train(Network(sizes, 128))
    for n in (1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        step = ArrayStep("Adam", [n])
        yield f"adam, n = {n:,}", _ours("array step", step, step.check)
    many = ArrayStep("Adam", [1000] * 1000)
    yield "adam, 1000 arrays of 1000", _ours("array step", many, many.check)
    for n in (10_000, 1_000_000, 10_000_000):
        codes, pruning = Quantizing(n, per_channel=False), Pruning(n)
        yield f"quantize, n = {n:,}", _ours("quantize", codes, codes.check_codes)
        yield f"dequantize, n = {n:,}", _ours("dequantize", codes, codes.check_numbers)
        yield f"threshold, n = {n:,}", _ours("threshold", pruning, pruning.check_threshold)
        yield f"90 % by magnitude, n = {n:,}", _ours("magnitude", pruning, pruning.check_magnitude)


def _predict(network: Network) -> Make:
    return lambda: _ours("predict", network, check_prediction(network))()


def _train(network: Network) -> Make:
    return lambda: _ours("train", network, check_training(network))()


def _ours(task: str, problem: Any, check: Callable[[Prepared], None]) -> Make:
    return lambda: candidates(task, problem, runtime.num_threads(), check, is_ours)[0]


def _with_threads(candidate: Candidate, threads: int, name: str) -> Candidate:
    return replace(candidate, name=name, before=lambda: runtime.set_num_threads(threads))


def _torch_work(threads: int) -> Callable[[], object] | None:
    """A product that all of torch's threads share; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    matrix = torch.tensor(np.ones((512, 512), np.float32))
    return lambda: torch.mm(matrix, matrix)
