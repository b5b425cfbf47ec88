"""``python -m bench`` runs, checks what it times, and writes what it prints. No figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bench(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_a_topic_is_run_stored_shown_and_compared(tmp_path: Path) -> None:
    case = "sgd momentum, n = 1,000"
    done = bench("optim", "--quick", "--only", f"{case}|nothing", "--peers", "numpy", "--json", ".", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert case in done.stdout
    (path,) = tmp_path.glob("*-1.json")
    written = json.loads(path.read_text())
    assert written["machine"]["threads"] == 1
    figures = {result["case"]: result["seconds"] for result in written["topics"]["optim"]}
    assert set(figures[case]) == {"sprat", "numpy"}
    assert all(0 < timing["low"] <= timing["median"] <= timing["high"] for timing in figures[case].values())

    shown = bench("--show", path, "--check", path, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert case in shown.stdout
    assert "0 cases worse" in shown.stdout

    for result in written["topics"]["optim"]:
        result["seconds"]["sprat"] = {key: value / 10 for key, value in result["seconds"]["sprat"].items()}
    faster = tmp_path / "faster.json"
    faster.write_text(json.dumps(written))
    worse = bench("--show", path, "--check", faster, cwd=tmp_path)
    assert worse.returncode == 1
    assert f"optim: {case}: ratio" in worse.stdout


def test_an_unknown_topic_is_refused(tmp_path: Path) -> None:
    done = bench("speed", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no topic 'speed'" in done.stderr
