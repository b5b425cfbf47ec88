"""Every example runs, says something, and stays short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
# What an example must show, besides running.
SHOWS = {
    "articles": r"epoch 99, Adam: loss 0\.6",
    "export_c": r"pump_int8: 50 rows, no difference",
    "neuron_pruning": r"outputs unchanged, bit for bit: True",
    "resume": r"same bits as an uninterrupted run: True",
    "serving": r"every one with the bits that it has in a batch",
}


def test_there_are_examples() -> None:
    assert SHOWS.keys() <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) >= 2
    assert re.search(SHOWS.get(path.stem, r"\d"), done.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_explains_itself(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) < 60
    assert source.startswith('"""')
