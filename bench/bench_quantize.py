"""float32 to int8 and back, per tensor and per channel (100 rows, each with its scale)."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Case
from .problems import Quantizing
from .tasks import candidates
from .topics import Wanted


def cases(wanted: Wanted) -> Iterator[Case]:
    """Both directions, both kinds, three sizes."""
    for n in (10_000, 1_000_000, 10_000_000):
        for kind in ("per tensor", "per channel"):
            problem = Quantizing(n, kind == "per channel")
            for task, check, work in (
                ("quantize", problem.check_codes, problem.work),
                ("dequantize", problem.check_numbers, problem.work_back),
            ):
                title = f"{task} {kind}, n = {n:,}"
                if wanted.case(title):
                    yield Case(title, candidates(task, problem, wanted.threads, check, wanted.includes), work)
