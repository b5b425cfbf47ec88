"""What is read is not written over, and a stream that is closed is no crash."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("argv", "option"),
    [
        ("train {data} --target kind --output ./{data}", "--output"),
        ("train {data} --target kind --checkpoint {data}", "--checkpoint"),
        ("train {data} --target kind --json {data}", "--json"),
        ("predict {model} {data} --output {data}", "--output"),
        ("compress {model} {data} --quantize static --json {model}", "--json"),
    ],
)
def test_no_command_writes_over_what_it_reads(
    argv: str, option: str, table: Path, classifier: Path, sprat_command: Any
) -> None:
    before = table.read_bytes(), classifier.read_bytes()
    status, out, err = sprat_command(*argv.format(data=table.name, model=classifier.name).split())
    assert (status, out) == (1, "")
    assert f"{option}: " in err
    assert err.count("\n") == 1
    assert (table.read_bytes(), classifier.read_bytes()) == before


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("predict {model} {data} >&-", 0),
        ("train {data} --target kind --epochs 1 2>&-", 0),
        ("predict {model} - <&-", 1),
    ],
)
def test_a_closed_stream(command: str, status: int, table: Path, classifier: Path) -> None:
    line = command.format(model=classifier.name, data=table.name)
    shell = f"{shlex.quote(sys.executable)} -m sprat {line}"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=120, cwd=table.parent)
    assert done.returncode == status, done
    assert done.stderr.count("\n") <= 1
    assert "Traceback" not in done.stderr
