"""The benchmarks run, check what they time, and write what they print. No figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_bench_optim(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.bench_optim", "--only", "sgd momentum, n = 1,000", "--json", "out.json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "sgd momentum, n = 1,000" in done.stdout
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["topic"] == "optim"
    figures = written["results"][0]["seconds"]
    assert {"sprat", "numpy"} <= set(figures)
    assert all(0 < timing["low"] <= timing["median"] <= timing["high"] for timing in figures.values())


def test_a_wrong_result_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.harness import Candidate, Case, run

    timed: list[str] = []

    def wrong() -> None:
        raise AssertionError("wrong result")

    candidates = [
        Candidate("sprat", lambda: timed.append("sprat"), lambda: None),
        Candidate("peer", lambda: None, wrong),
    ]
    with pytest.raises(AssertionError, match="wrong result"):
        run([Case("case", candidates)])
    assert timed == []
