"""Results as lines of a table, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .cases import Result, Timing
from .targets import target

HEADER = (
    f"{'case':40} {'sprat':>10} {'quartiles':>21} {'best peer':>26} {'ratio':>6} "
    f"{'target':>24} {'':4} {'limit':>10} {'share':>6}"
)


def row(topic: str, result: Result) -> str:
    """One line, times in microseconds: ours, best peer, ratio, target, whether it is met, limit, its share."""
    text = f"{result.case:40} "
    if result.ours is None:
        return text + "left out: " + "; ".join(f"{name}: {why}" for name, why in result.wrong.items())
    ours = result.timings[result.ours]
    text += f"{_us(ours.median)} {_us(ours.low)} {_us(ours.high)} "
    peer = result.best_peer
    if peer is None:
        text += f"{'':26} {'':6} "
    else:
        text += f"{peer:>15} {_us(result.timings[peer].median)} {result.ratio:6.2f} "
    wanted = target(topic, result.case)
    if wanted is None:
        text += f"{'':24} {'':4} "
    else:
        text += f"{wanted!s:>24} {({True: 'met', False: 'MISS', None: '?'})[wanted.met(result)]:4} "
    if result.limit is not None:
        text += f"{_us(result.limit)} {result.share:6.0%}"
    return text.rstrip()


def everyone(result: Result) -> str:
    """All candidates of a case, fastest first."""
    timings = sorted(result.timings.items(), key=lambda item: item[1].median)
    return "    " + ", ".join(f"{name} {timing.median * 1e6:.4g}" for name, timing in timings)


def _us(seconds: float) -> str:
    """Microseconds in ten columns, with as many digits as can be trusted."""
    value = seconds * 1e6
    return f"{value:10.3f}" if value < 10 else f"{value:10.2f}" if value < 1000 else f"{value:10.0f}"


def as_json(result: Result) -> dict[str, Any]:
    """Seconds, rounded to 5 digits: what follows is noise."""
    return {
        "case": result.case,
        "limit": None if result.limit is None else _rounded(result.limit),
        "limited_by": result.limited_by,
        "seconds": {
            name: {key: _rounded(value) for key, value in vars(timing).items()}
            for name, timing in result.timings.items()
        },
        **({"sweep": list(result.sweep)} if result.sweep else {}),
        **({"wrong": result.wrong} if result.wrong else {}),
    }


def from_json(value: Mapping[str, Any]) -> Result:
    """The result that `as_json` wrote."""
    timings = {name: Timing(**timing) for name, timing in value["seconds"].items()}
    sweep = tuple(value["sweep"]) if "sweep" in value else None
    return Result(value["case"], timings, value["limit"], value["limited_by"], sweep, dict(value.get("wrong", {})))


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.5g}")


def write(path: Path, about: Mapping[str, Any], topics: Mapping[str, Iterable[Result]]) -> None:
    """All figures of a machine, topics that were not run now kept as they were."""
    stored = json.loads(path.read_text(encoding="utf-8"))["topics"] if path.exists() else {}
    for topic, results in topics.items():
        kept = {value["case"]: value for value in stored.get(topic, [])}
        stored[topic] = list((kept | {result.case: as_json(result) for result in results}).values())
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": dict(about), "topics": stored}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> tuple[dict[str, Any], dict[str, list[Result]]]:
    """What `write` wrote: the machine, and results by topic."""
    value = json.loads(path.read_text(encoding="utf-8"))
    return value["machine"], {
        topic: [from_json(result) for result in results] for topic, results in value["topics"].items()
    }


def summary(topics: Mapping[str, Iterable[Result]]) -> str:
    """How many targets are met, and the rows that miss theirs."""
    judged = [
        (topic, result, wanted)
        for topic, results in topics.items()
        for result in results
        if (wanted := target(topic, result.case)) is not None
    ]
    missed = [row(topic, result) for topic, result, wanted in judged if wanted.met(result) is not True]
    lines = [f"{len(judged) - len(missed)} of {len(judged)} targets met"]
    return "\n".join(lines + (["", "not met:", HEADER, *missed] if missed else []))
