"""Threshold pruning with mask and count, and 90 % by magnitude over the whole array; every call gets a fresh array."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .problems import Pruning
from .tasks import candidates
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """Both kinds, three sizes."""
    for n in (10_000, 1_000_000, 10_000_000):
        problem = Pruning(n)
        title = f"threshold, n = {n:,}"
        if wanted.case(title):
            found = candidates("threshold", problem, wanted.threads, problem.check_threshold, wanted.includes)
            yield Case(title, found, problem.threshold_work)
        title = f"90 % by magnitude, n = {n:,}"
        if wanted.case(title):
            found = candidates("magnitude", problem, wanted.threads, problem.check_magnitude, wanted.includes)
            yield Case(title, found, problem.magnitude_work)
