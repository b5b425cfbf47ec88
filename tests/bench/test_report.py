"""Tables, targets, stored figures and their comparison, with made-up figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.cases import Result, Timing
from bench.regression import compare
from bench.targets import TARGETS, Target, target
from bench.topics import TOPICS, Wanted

from bench import machine, plots, report


def result(case: str = "case", limit: float | None = None, **seconds: float) -> Result:
    return Result(case, {name: Timing(s, 0.9 * s, 1.1 * s) for name, s in seconds.items()}, limit, "memory")


def test_a_row_says_ratio_target_and_share() -> None:
    text = report.row("predict", result("C, 1 row", 5e-6, sprat=1e-5, numpy=4e-5, torch=2e-5))
    words = text.split()
    assert words[:4] == ["C,", "1", "row", "10.00"]
    assert [*words[words.index("torch") :]] == ["torch", "20.00", "0.50", "<=", "0.8", "met", "5.000", "50%"]
    assert "MISS" in report.row("predict", result("C, 1 row", sprat=1.9e-5, torch=2e-5))
    assert "left out" in report.row("predict", result("C, 1 row", torch=2e-5))


def test_everyone_is_listed_fastest_first() -> None:
    assert report.everyone(result(sprat=3e-6, torch=1e-6, numpy=2e-6)).split() == [
        "torch", "1,", "numpy", "2,", "sprat", "3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "ours", "verdict"),
    [
        (Target(0.5), 1.0, True),
        (Target(0.5), 1.1, False),
        (Target(share=0.9), 1.1, True),
        (Target(share=0.9), 1.2, False),
        (Target(1.0, excess=0.1, extra=0.2), 1.3, True),
        (Target(1.0, excess=0.1, extra=0.2), 1.4, False),
        (Target(0.5, excess=0.1, extra=0.2), 1.3, False),
        (Target(speedup=1.8), 1.1, True),
        (Target(speedup=1.8), 1.2, False),
    ],
)
def test_targets(wanted: Target, ours: float, verdict: bool) -> None:
    assert wanted.met(result(limit=1.0, sprat=ours, torch=2.0)) is verdict


def test_a_target_without_its_figure_is_open() -> None:
    assert Target(0.5).met(result(sprat=1.0)) is None
    assert Target(share=0.9).met(result(sprat=1.0)) is None
    assert Target(0.5, share=0.9).met(result(sprat=3.0, torch=1.0)) is False
    assert str(Target(1.0, excess=0.15, extra=5e-7)) == "<= 1, limit + 15% + 0.5 us"


def test_short_work_is_never_slower_with_threads() -> None:
    wanted = target("threads", "predict A, 1 row")
    assert wanted is not None
    assert wanted.met(Result("short", result(sprat=9e-5, peer=1e-4).timings)) is True
    assert wanted.met(Result("short", result(sprat=1.2e-4, peer=1e-4).timings)) is False


def test_targets_belong_to_topics() -> None:
    assert {topic for topic, _ in TARGETS} <= set(TOPICS)
    assert target("predict", "A, 1 row") == Target(0.5)
    assert target("predict", "sweep") is None


def test_the_summary_counts_and_lists_what_is_missed() -> None:
    topics = {"predict": [result("A, 1 row", sprat=1, torch=4), result("B, 1 row", sprat=3, torch=4), result("else")]}
    text = report.summary(topics)
    assert text.startswith("1 of 2 targets met")
    assert "B, 1 row" in text
    assert "A, 1 row" not in text


def test_figures_are_stored_and_cases_that_did_not_run_kept(tmp_path: Path) -> None:
    path = tmp_path / "results" / "machine.json"
    swept = Result("a", result(sprat=1.23456789).timings, 0.5, "memory", ("title", "rows", 4.0), {"torch": "wrong"})
    report.write(path, {"cpu": "x"}, {"predict": [swept, result("b", sprat=2.0)]})
    report.write(path, {"cpu": "x"}, {"predict": [result("b", sprat=3.0)], "train": [result("c", sprat=4.0)]})
    about, topics = report.read(path)
    assert about == {"cpu": "x"}
    assert [(r.case, r.timings["sprat"].median) for r in topics["predict"]] == [("a", 1.2346), ("b", 3.0)]
    assert topics["predict"][0].sweep == ("title", "rows", 4.0)
    assert topics["predict"][0].wrong == {"torch": "wrong"}
    assert [r.case for r in topics["train"]] == ["c"]


def test_worse_is_judged_by_ratios_to_the_peers_of_both_runs() -> None:
    before = {"predict": [result("a", sprat=1, torch=2, jax=1.5), result("b", sprat=1, torch=2)]}
    slower_machine = {"predict": [result("a", sprat=2, torch=4), result("b", sprat=2.2, torch=4)]}
    assert compare(before, slower_machine) == []
    (worse,) = compare(before, {"predict": [result("a", sprat=1.2, torch=2), result("new", sprat=9, torch=1)]})
    assert (worse.topic, worse.case, worse.before, worse.now) == ("predict", "a", 0.5, 0.6)
    assert str(worse) == "predict: a: ratio 0.50 -> 0.60"
    assert compare(before, {"predict": [result("a", sprat=1.2, torch=2)]}, tolerance=0.25) == []
    assert compare(before, {"predict": [result("a", sprat=9.0, numpy=1)]}) == []


def test_crossovers_lie_where_the_ratio_passes_one() -> None:
    points = [
        Result("s", result(sprat=ours, torch=1.0).timings, sweep=("t", "rows", rows))
        for rows, ours in ((1, 0.5), (2, 0.9), (4, 1.2), (8, 1.1), (16, 0.7))
    ]
    assert plots.crossovers(points) == [(2, 4), (8, 16)]
    assert plots.curves([points[3], points[0]]) == {("t", "rows"): [points[0], points[3]]}


def test_pictures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [
        Result("s", result(sprat=1.0 * x, torch=2.0).timings, 0.5, sweep=("Predict C", "rows", x)) for x in (1, 4, 16)
    ]
    (path,) = plots.draw({"predict": [*points, result("no sweep", sprat=1.0)]}, tmp_path)
    assert path.name == "predict-c.svg"
    assert path.read_text().count("<path") > 10


def test_libraries_are_told_the_number_of_threads() -> None:
    told = machine.environment(2, {"XLA_FLAGS": "--xla_dump", "HOME": "/"})
    assert told["OMP_NUM_THREADS"] == told["SPRAT_NUM_THREADS"] == "2"
    assert told["XLA_FLAGS"].startswith("--xla_dump --xla_cpu_multi_thread_eigen=true")
    assert told["HOME"] == "/"
    with pytest.raises(ValueError, match="--threads 4096: this process may use"):
        machine.pin(4096)


def test_what_is_wanted() -> None:
    wanted = Wanted(only="A, 1|B", quick=True, peers=("torch",))
    assert [name for name in ("A, 1 row", "B, 32 rows", "C, 1 row") if wanted.case(name)] == ["A, 1 row", "B, 32 rows"]
    assert [name for name in ("sprat fit", "torch", "torch compiled", "jax") if wanted.includes(name)] == [
        "sprat fit",
        "torch",
    ]
    assert wanted.thinned((1, 2, 3, 4)) == (1, 4)
    assert Wanted().case("anything")
