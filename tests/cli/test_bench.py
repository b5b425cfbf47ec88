"""sprat bench: what it prints. How fast anything is, no test says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cli.conftest import Run
from sprat import runtime
from sprat.cli import bench


def test_every_kind_of_work_has_a_line(sprat_command: Run) -> None:
    status, out, err = sprat_command("bench", "--seconds", 0.1, "--threads", 1)
    assert status == 0
    head, columns, *lines = out.splitlines()
    assert runtime.isa() in head
    assert head.endswith("threads: 1")
    assert columns.split()[:2] == ["work", "median"]
    assert len(lines) == 8
    for line in lines:
        *_, median, low, high, rate, unit = line.split()
        low, median, high, rate = (float(text.replace(",", "")) for text in (low, median, high, rate))
        assert 0 < low <= median <= high
        assert rate > 0
        assert unit in ("GFLOP/s", "GB/s")
    assert "timing 8 kinds" in err


def test_json_has_the_same(sprat_command: Run) -> None:
    before = runtime.num_threads()
    status, out, err = sprat_command("bench", "--seconds", 0.1, "--threads", 1, "--json", "--quiet")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert (told["isa"], told["threads"]) == (runtime.isa(), 1)
    assert runtime.num_threads() == before
    for row in told["results"]:
        assert 0 < row["lower_quartile"] <= row["seconds"] <= row["upper_quartile"]
        assert {"work", "rate", "unit"} <= set(row)


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_seconds_must_be_positive(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sprat.cli import main

    with pytest.raises(SystemExit) as done:
        main(["bench", "--seconds", seconds])
    assert done.value.code == 2
    assert "--seconds" in capsys.readouterr().err


def test_blocks_take_turns_and_resets_are_off_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now, log = 0.0, []

    def work(name: str, seconds: float) -> None:
        nonlocal now
        now += seconds
        log.append(name)

    monkeypatch.setattr(bench.time, "perf_counter", lambda: now)
    jobs = [
        bench.Job("short", lambda: work("short", 0.25), 1.0, "flop"),
        bench.Job("long", lambda: work("long", 0.5), 1.0, "byte", lambda: work("reset", 8.0)),
    ]
    assert bench.measure(jobs, 1.0) == [(0.25, 0.25, 0.25), (0.5, 0.5, 0.5)]
    assert log[-3:] == ["short", "reset", "long"]
    assert log.count("long") == log.count("reset")


def test_each_job_does_its_work() -> None:
    jobs = {job.name: job for job in bench.make_jobs()}
    products = 784 * 256 + 256 * 128 + 128 * 10
    assert jobs["predict, 1024 rows"].amount == 2 * products * 1024
    assert jobs["training step with Adam, 128 rows"].amount == 2 * 128 * (3 * products - 784 * 256)
    masks = []
    for name in ("prune by threshold, 1,000,000 elements", "prune 90 % by magnitude, 1,000,000"):
        job = jobs[name]
        assert job.reset is not None
        for _ in range(2):
            job.reset()
            masks.append(job.call())
    np.testing.assert_array_equal(masks[0], masks[1])
    assert 100_000 < np.count_nonzero(masks[0]) < 120_000
    assert [np.count_nonzero(mask) for mask in masks[2:]] == [100_000, 100_000]
