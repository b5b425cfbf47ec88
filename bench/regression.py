"""Whether a run is worse than the stored one of the same type of machine: by ratios, which hold between days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .cases import Result

TOLERANCE = 0.15  # of the ratio to the best peer: what two runs on one machine differ by


@dataclass(frozen=True)
class Worse:
    """A case that fell behind: ratio then and now."""

    topic: str
    case: str
    before: float
    now: float

    def __str__(self) -> str:
        return f"{self.topic}: {self.case}: ratio {self.before:.2f} -> {self.now:.2f}"


def compare(
    before: Mapping[str, Iterable[Result]], now: Mapping[str, Iterable[Result]], tolerance: float = TOLERANCE
) -> list[Worse]:
    """The cases of both whose ratio grew by more than `tolerance`.

    Ratios are taken to those peers that took part in both: who is not installed today must not decide.
    """
    worse = []
    for topic, results in now.items():
        stored = {result.case: result for result in before.get(topic, ())}
        for result in results:
            old = stored.get(result.case)
            if old is None:
                continue
            common = set(old.timings) & set(result.timings)
            ratios = [_ratio(old, common), _ratio(result, common)]
            if ratios[0] is not None and ratios[1] is not None and ratios[1] > ratios[0] * (1 + tolerance):
                worse.append(Worse(topic, result.case, ratios[0], ratios[1]))
    return worse


def _ratio(result: Result, names: set[str]) -> float | None:
    """Our time over that of the fastest peer among `names`."""
    ours = result.ours
    peer = Result(result.case, {name: result.timings[name] for name in names}).best_peer
    return None if ours is None or peer is None else result.timings[ours].median / result.timings[peer].median
