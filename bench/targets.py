"""What sprat is to reach, case by case: the only place where targets stand.

The texts of the cases are those of the topics: `(topic, case)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cases import Result

LONG = 200e-6  # seconds of one thread, from where several must pay
NOISE = 1.05  # the same work twice differs by so much


@dataclass(frozen=True)
class Target:
    """What a case must reach.

    At most `ratio` of the best peer's time, `more` s over it, and `own` of our own in dense float32; at least `share` of
    the limit; within `excess` of the limit and `extra` s.

    What is None is not asked for. All that is given must hold.
    """

    ratio: float | None = None
    more: float | None = None
    share: float | None = None
    own: float | None = None  # of our own time in dense float32
    excess: float | None = None
    extra: float = 0.0
    speedup: float | None = None  # over one thread, where one thread takes more than LONG; elsewhere never slower

    def __str__(self) -> str:
        parts = []
        if self.ratio is not None:
            parts.append(f"<= {self.ratio:g}")
        if self.more is not None:
            parts.append(f"<= peer + {self.more * 1e9:g} ns")
        if self.own is not None:
            parts.append(f"<= {self.own:g} float32")
        if self.share is not None:
            parts.append(f">= {self.share:.0%} of limit")
        if self.excess is not None:
            parts.append(f"limit + {self.excess:.0%} + {self.extra * 1e6:g} us")
        if self.speedup is not None:
            parts.append(f"<= 1, > 200 us: {1 / self.speedup:.2f}")
        return ", ".join(parts)

    def met(self, result: Result) -> bool | None:
        """Whether it holds; None where a figure that it needs is missing."""
        ours = result.ours
        if ours is None:
            return None
        verdicts: list[bool | None] = []
        if self.ratio is not None:
            verdicts.append(None if result.ratio is None else result.ratio <= self.ratio)
        if self.more is not None:
            peer = result.best_peer
            allowed = None if peer is None else result.timings[peer].median + self.more
            verdicts.append(None if allowed is None else result.timings[ours].median <= allowed)
        if self.own is not None:
            verdicts.append(
                None if result.own_ratio is None else result.own_ratio <= self.own * (NOISE if self.own == 1 else 1)
            )
        if self.share is not None:
            verdicts.append(None if result.share is None else result.share >= self.share)
        if self.excess is not None:
            seconds = result.timings[ours].median
            allowed = None if result.limit is None else result.limit * (1 + self.excess) + self.extra
            verdicts.append(None if allowed is None else seconds <= allowed)
        if self.speedup is not None:
            peer, most = result.best_peer, NOISE
            if peer is not None and result.timings[peer].median > LONG:
                most = 1 / self.speedup
            verdicts.append(None if result.ratio is None else result.ratio <= most)
        return False if False in verdicts else None if None in verdicts else True


def _targets() -> dict[tuple[str, str], Target]:
    found = {}
    for names, ratio in (("AB", 0.5), ("CE", 0.8), ("D", 1.0)):
        for name in names:
            found["predict", f"{name}, 1 row"] = Target(ratio)
    for name in "AB":
        found["predict", f"{name}, 1024 rows"] = Target(0.7)
    for name in "CDE":
        found["predict", f"{name}, 1024 rows"] = Target(share=0.92)
    for rows in (32, 128, 1024):
        for name, ratio in (("A", 0.25), ("B", 0.5), ("C", 0.75), ("D", 0.9), ("E", 0.9)):
            found["train", f"{name}, {rows} rows"] = Target(ratio)
    found["epochs", "C, 5 epochs of Fashion-MNIST, batch 128"] = Target(0.7)
    for n in (1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        found["optim", f"adam, n = {n:,}"] = Target(1.0, excess=0.15, extra=0.5e-6)
    found["optim", "adam, 1000 arrays of 1000"] = Target(0.15)
    for n, ratio in ((1_000, 0.3), (100_000, 0.8), (1_000_000, 0.95)):
        found["optim", f"sgd momentum, n = {n:,}"] = Target(ratio)
    for kind in ("per tensor", "per channel"):
        for n, ratio, back in ((10_000, 0.5, 0.6), (1_000_000, 0.7, 0.8), (10_000_000, 0.9, 0.9)):
            found["quantize", f"quantize {kind}, n = {n:,}"] = Target(ratio)
            found["quantize", f"dequantize {kind}, n = {n:,}"] = Target(back)
    for n in (10_000, 1_000_000, 10_000_000):
        found["prune", f"threshold, n = {n:,}"] = Target(0.3)
        found["prune", f"90 % by magnitude, n = {n:,}"] = Target(0.2)
    for name, one_row, many in (
        ("A", 0.5, 0.85),
        ("B", 0.5, 0.85),
        ("C", 0.8, 0.85),
        ("D", 0.9, 0.85),
        ("E", 0.8, 0.85),
    ):
        found["int8", f"{name} int8, 1 row"] = Target(one_row, own=1)
        found["int8", f"{name} int8, 64 rows"] = Target(own=1)
        found["int8", f"{name} int8, 1024 rows"] = Target(many, own=1, share=0.8 if name in "CDE" else None)
    for name in "CDE":
        found["half", f"{name} bf16, 1024 rows"] = Target(0.85, own=1)
        found["half", f"{name} bf16, 1 row"] = Target(own=1)
    for name in "CD":
        for rows in (64, 1024):
            for pattern in ("unstructured", "balanced", "blocks"):
                found["sparse", f"{name} 90 % {pattern}, {rows} rows"] = Target(1, own=0.35)
        found["sparse", f"{name} 90 % unstructured, 1 row"] = Target(1, own=0.5)
    found["sparse", "D 90 % blocks, 1 row"] = Target(1, own=0.3)
    for name in ("adam", "sgd momentum", "sgd"):
        found["cuda", f"{name}, n = {1 << 26:,}"] = Target(share=0.85)
    found["cuda", "product 4096^3"] = Target(share=0.7)
    for case in ("predict, 1-1, 1 row, from C", "quantize, n = 1, from C"):
        found["calls", case] = Target(more=15e-9)
    return found


TARGETS = _targets()


def target(topic: str, case: str) -> Target | None:
    """What a case is to reach, if anything is said of it."""
    if topic == "threads" and not case.endswith("beside torch"):
        return Target(speedup=1.8)
    return TARGETS.get((topic, case))
