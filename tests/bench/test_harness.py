"""Order, statistics and checks of the harness, with candidates whose calls are counted, not timed."""

from __future__ import annotations

from collections import Counter

import pytest
from bench.cases import Candidate, Case, Result, Timing, Work
from bench.harness import run
from bench.timing import Effort, calls_per_block, rotation, summarize, time_interleaved

from bench import limits, timing
from sprat.cli.bench import run_block

FEW = Effort(blocks=4, block_seconds=1e-5, warm_up=1)


def counting(name: str, calls: list[str]) -> Candidate:
    return Candidate(name, lambda: calls.append(name), lambda: None)


def test_what_is_wrong_is_named_and_not_timed() -> None:
    calls: list[str] = []

    def wrong() -> None:
        raise AssertionError("off by 3")

    def broken() -> None:
        raise RuntimeError("cannot do it")

    peers = [Candidate("wrong", lambda: calls.append("wrong"), wrong), Candidate("broken", lambda: None, broken)]
    (result,) = run([Case("case", [counting("sprat", calls), *peers])], FEW)
    assert result.wrong == {"wrong": "AssertionError: off by 3", "broken": "RuntimeError: cannot do it"}
    assert set(result.timings) == {"sprat"}
    assert set(calls) == {"sprat"}


def test_everyone_begins_equally_often_and_comes_before_each_other_equally_often() -> None:
    names = ["a", "b", "c", "d"]
    orders = [rotation(names, block) for block in range(8)]
    assert all(sorted(order) == names for order in orders)
    assert set(Counter(order[0] for order in orders).values()) == {2}
    before = Counter((x, y) for order in orders for x in names for y in names if order.index(x) < order.index(y))
    assert set(before.values()) == {4}


def test_median_and_quartiles() -> None:
    assert summarize([5.0, 1.0, 4.0, 2.0, 3.0]) == Timing(median=3.0, low=2.0, high=4.0)
    assert summarize([7.0]) == Timing(7.0, 7.0, 7.0)


def test_a_reset_comes_before_each_call() -> None:
    log: list[str] = []
    candidate = Candidate("sprat", lambda: log.append("call"), lambda: None, lambda: log.append("reset"))
    assert run_block(candidate, 3) > 0
    assert log == ["reset", "call"] * 3


def test_blocks_hold_enough_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 0.001

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)
    count, seconds = calls_per_block(Candidate("sprat", call, lambda: None), Effort(block_seconds=0.0105))
    assert seconds >= 0.0105
    assert 11 <= count <= 13


def test_long_calls_are_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = 0.0, 0

    def call() -> None:
        nonlocal now, calls
        now += 4.0
        calls += 1

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)
    measured = time_interleaved([Candidate("sprat", call, lambda: None)], Effort())
    assert measured == {"sprat": Timing(4.0, 4.0, 4.0)}
    assert calls == 2


def test_a_call_that_works_many_times_over_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 4.0

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)
    measured = time_interleaved([Candidate("sprat", call, lambda: None, times=8)], Effort())
    assert measured == {"sprat": Timing(0.5, 0.5, 0.5)}


def test_our_fastest_way_is_compared_with_the_fastest_peer() -> None:
    times = {"sprat": 3.0, "sprat fit": 2.0, "numpy": 8.0, "torch": 4.0}
    result = Result("case", {name: Timing(t, t, t) for name, t in times.items()}, limit=1.0)
    assert (result.ours, result.best_peer, result.ratio, result.share) == ("sprat fit", "torch", 0.5, 0.5)


def test_the_longest_bound_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "peak", {"float32": 100.0, "root": 10.0, "float64": None}.get)
    monkeypatch.setattr(limits, "_read_bandwidth", lambda size: 50.0)
    monkeypatch.setattr(limits, "_change_bandwidth", lambda size: 80.0)
    assert limits.shortest(Work(flops=300, read=100)) == (3.0, "float32 peak")
    assert limits.shortest(Work(flops=300, read=200)) == (4.0, "reading")
    assert limits.shortest(Work(read=200, written=200)) == (5.0, "reading and writing")
    assert limits.shortest(Work(read=200, written=200, roots=100)) == (10.0, "square root and division")
    assert limits.shortest(Work(flops=300, read=200), threads=2) == (1.5, "float32 peak")
    assert limits.shortest(Work(flops=300, flop_kind="float64")) == (None, "")
    assert limits.shortest(Work()) == (None, "")
