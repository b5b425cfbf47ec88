"""A small table and a model trained on it, for every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sprat import tabular
from sprat.cli import main

Run = Callable[..., tuple[int, str, str]]


def make_table(rows: int = 200, seed: int = 0) -> dict[str, np.ndarray]:
    """Numbers, text and gaps; a class and a price that follow from them."""
    rng = np.random.default_rng(seed)
    size, colour = rng.normal(size=rows), rng.choice(["red", "green", "blue"], rows)
    kind = np.where(size + (colour == "red") > 0.4, "big", np.where(size < -0.8, "small", "middle"))
    price = 10 + 3 * size + 2.0 * (colour == "blue")
    gaps = size.copy()
    gaps[::19] = np.nan
    return {"id": np.arange(rows) + 100, "size": gaps, "colour": colour, "kind": kind, "price": price}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``table.csv`` in a folder of its own, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    tabular.write_table("table.csv", make_table())
    return tmp_path / "table.csv"


@pytest.fixture
def sprat_command(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line and gives status, stdout and stderr."""

    def run(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in argv])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.fixture
def classifier(table: Path, sprat_command: Run) -> Path:
    """``model.safetensors``, which tells kinds."""
    argv = ("train", table, "--target", "kind", "--columns", "size,colour", "--hidden", "16", "--lr", "0.02", "-q")
    assert sprat_command(*argv, "--epochs", 15)[0] == 0
    return table.parent / "model.safetensors"


@pytest.fixture
def regressor(table: Path, sprat_command: Run) -> Path:
    """``price.safetensors``, which tells prices."""
    argv = ("train", table, "--target", "price", "--columns", "size,colour", "--hidden", "16", "--lr", "0.02", "-q")
    assert sprat_command(*argv, "--epochs", 20, "-o", "price.safetensors")[0] == 0
    return table.parent / "price.safetensors"
