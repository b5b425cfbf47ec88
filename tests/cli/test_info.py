"""sprat info, and what every command shares."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import sprat
from sprat import runtime
from sprat.cli import main
from sprat.cli.main import COMMANDS


def test_info_names_what_runs(capsys: pytest.CaptureFixture[str], isa: str) -> None:
    with runtime.threads(3):
        assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert sprat.__version__ in shown
    assert f"{isa} (in use)" in shown
    assert "3 (from thread-local)" in shown
    assert "rounding nearest even" in shown


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(runtime.info()))


def test_python_m_sprat() -> None:
    done = subprocess.run([sys.executable, "-m", "sprat", "info"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "instruction sets" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    assert done.value.code == 0
    assert f"usage: sprat {command}" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["fly"], ["info", "--loud"]])
def test_wrong_usage_is_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(argv)
    assert done.value.code == 2
    assert capsys.readouterr().err.startswith("usage: sprat")
