"""The topics, and what of one is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from .cases import is_ours

T = TypeVar("T")

TOPICS = (
    "predict",
    "train",
    "epochs",
    "optim",
    "quantize",
    "prune",
    "int8",
    "half",
    "sparse",
    "calls",
    "threads",
    "float64",
    "cuda",
)

# Quick runs leave these out: each shape takes them seconds to compile.
SLOW_TO_PREPARE = ("torch compiled",)


@dataclass(frozen=True)
class Wanted:
    """Threads, a text that names of cases must contain, and how thorough to be."""

    threads: int = 1
    only: str = ""
    quick: bool = False
    peers: tuple[str, ...] = ()  # when given, no others

    def case(self, name: str) -> bool:
        """Whether this case is wanted: `only` may name several parts, separated by bars."""
        return any(part.strip() in name for part in self.only.split("|"))

    def includes(self, candidate: str) -> bool:
        """Whether this candidate is."""
        if self.peers and not is_ours(candidate) and not candidate.startswith(self.peers):
            return False
        return not (self.quick and candidate in SLOW_TO_PREPARE)

    def thinned(self, values: Sequence[T]) -> Sequence[T]:
        """Every third of a sweep in a quick run."""
        return values[::3] if self.quick else values
