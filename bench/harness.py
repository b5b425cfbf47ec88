"""A benchmark is an iterable of cases. Each candidate proves its result before any is timed; then they take turns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from . import limits
from .cases import Candidate, Case, Result
from .timing import Effort, time_interleaved


def run(
    cases: Iterable[Case],
    effort: Effort | None = None,
    *,
    threads: int = 1,
    show: Callable[[Result], object] = lambda result: None,
) -> list[Result]:
    """Check every candidate of every case, time those that are right beside the machine's limit.

    What computes something wrong is not timed, and named in the result.
    """
    results, done = [], []
    for case in cases:
        wrong = {candidate.name: reason for candidate in case.candidates if (reason := _fault(candidate))}
        for name, reason in wrong.items():
            print(f"{case.name}: {name} is wrong and was not timed: {reason}", file=sys.stderr)
        right = [candidate for candidate in case.candidates if candidate.name not in wrong]
        timings = time_interleaved(right, effort or Effort())
        limit, words = case.limit or limits.shortest(case.work, threads)
        results.append(Result(case.name, timings, limit, words, case.sweep, wrong))
        done.append(case)
        show(results[-1])
    for result, case in zip(results, done, strict=True):  # by the best that the machine has shown
        result.limit, result.limited_by = case.limit or limits.shortest(case.work, threads)
    return results


def _fault(candidate: Candidate) -> str:
    """What is wrong with what one call computes, in one line; nothing when it is right."""
    try:
        candidate.check()
    except Exception as error:  # a peer that cannot do it is as wrong as one that computes nonsense
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return ""
