"""What peers may offer: each task is a problem, and a check of what a candidate made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cases import Array, Candidate, is_ours
from .networks import STEPS, Network


@dataclass
class Prepared:
    """One candidate, ready: `call` does the work once, `result` gives what the calls so far have made.

    A first call may leave something to a compiler. `reset`, where a call uses up its input, puts that back. Where a call
    does the work `times` times over, `rehearse` does it as often as the check wants.
    """

    call: Callable[[], object]
    result: Callable[[], Any]
    reset: Callable[[], object] | None = None
    times: int = 1
    rehearse: Callable[[int], object] | None = None


Adapter = Callable[[Any, int], "Prepared | None"]  # (problem, threads); None where it does not apply

TASKS: dict[str, dict[str, Adapter]] = {}


def offers(task: str, name: str) -> Callable[[Adapter], Adapter]:
    """Register an adapter: under `name` it does `task`."""

    def register(adapter: Adapter) -> Adapter:
        TASKS.setdefault(task, {})[name] = adapter
        return adapter

    return register


def candidates(
    task: str, problem: Any, threads: int, check: Callable[[Prepared], None], only: Callable[[str], bool] | None = None
) -> list[Candidate]:
    """All who offer a task and can do this problem. A peer that cannot be set up is left out, with a line that says why."""
    found = []
    for name, adapter in TASKS.get(task, {}).items():
        if only is not None and not only(name):
            continue
        try:
            prepared = adapter(problem, threads)
        except Exception as error:
            if is_ours(name):
                raise
            print(f"{name} is left out of {task}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
            continue
        if prepared is not None:
            found.append(Candidate(name, prepared.call, _checker(check, prepared), prepared.reset, prepared.times))
    return found


def _checker(check: Callable[[Prepared], None], prepared: Prepared) -> Callable[[], None]:
    return lambda: check(prepared)


# ---- checks: each makes the calls that it needs


def check_prediction(network: Network) -> Callable[[Prepared], None]:
    """Outputs within rounding of float64, and the same after several calls."""

    def check(prepared: Prepared) -> None:
        for _ in range(3):
            prepared.call()
        close(np.asarray(prepared.result()).reshape(network.output.shape), network.output, relative(network.dtype))

    return check


def check_training(network: Network) -> Callable[[Prepared], None]:
    """Two steps of Adam must move each parameter as in float64.

    Adam's first steps have the size of the rate, whatever the gradient: one of rounding's size may take any sign, and the
    rate is near the spacing of the numbers. So the mean deviation of a parameter is held to 8 % of the way it went.
    """

    def check(prepared: Prepared) -> None:
        if prepared.rehearse is not None:
            prepared.rehearse(STEPS)
        else:
            for _ in range(STEPS):
                prepared.call()
        before = [array for layer in network.weights for array in layer]
        for got, want, start in zip(prepared.result(), network.trained, before, strict=True):
            got = np.asarray(got, np.float64).reshape(want.shape)
            way = np.abs(want - start).mean()
            # A single bias may be the one with a gradient near zero, where the direction is rounding's.
            assert way == 0 or np.abs(got - want).mean() <= 0.08 * way, (
                f"parameters {want.shape} deviate by {np.abs(got - want).mean() / way:.1%} of their way"
            )

    return check


def relative(dtype: str) -> float:
    """Tolerance of sums, in parts of the largest number."""
    return 2e-5 if dtype == "float32" else 1e-12


def close(got: Array, want: Array, tolerance: float) -> None:
    """Within `tolerance` of the largest number, or of 1: a single sum may cancel."""
    worst = float(np.max(np.abs(got - want), initial=0.0))
    bound = tolerance * float(np.max(np.abs(want), initial=1.0))
    assert worst <= bound, f"off by {worst:.3g}, allowed {bound:.3g}"  # a NaN is not within


def codes_close(got: Array, want: Array) -> None:
    """Integer codes: equal, but for one in ten thousand that may be one off.

    torch multiplies by 1 / scale where ONNX divides; they part at halves.
    """
    difference = np.abs(got.astype(np.int32) - want.astype(np.int32))
    assert difference.max(initial=0) <= 1, f"codes are off by {difference.max()}"
    share = np.count_nonzero(difference) / max(got.size, 1)
    assert share <= 1e-4, f"{share:.2%} of the codes differ"
