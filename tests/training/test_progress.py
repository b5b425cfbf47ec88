"""Progress: a bar where a person looks, silence everywhere else."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

import sprat
from sprat.training import progress
from training.tasks import blobs, classifier

X, Y = blobs()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fit(choice: Any) -> Any:
    return sprat.fit(classifier(), X, Y, epochs=2, progress=choice, validation=(X, Y))


def test_nothing_is_printed_where_no_one_looks(capfd: pytest.CaptureFixture[str]) -> None:
    fit("auto")
    fit(False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["rich", "tqdm"])
def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pytest.importorskip(name)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    monkeypatch.setenv("COLUMNS", "120")
    history = fit(name)
    text = screen.getvalue()
    assert "epoch 2/2" in text
    assert f"loss {history['loss'][-1]:.4g}" in text
    assert f"val_accuracy {history['val_accuracy'][-1]:.4g}" in text


def test_auto_prefers_rich_then_tqdm_then_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    installed = {"rich", "tqdm"}
    monkeypatch.setattr(progress, "find_spec", lambda name: name if name in installed else None)
    assert progress.choose("auto") == "rich"
    installed.remove("rich")
    assert progress.choose("auto") == "tqdm"
    installed.clear()
    assert progress.choose("auto") is None
    with pytest.raises(ValueError, match="rich or tqdm is not installed"):
        progress.choose(True)


def test_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert progress.choose("auto") is None
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert progress.choose("auto") is None


def test_the_bar_is_closed_when_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Bar(progress.Silent):
        def close(self) -> None:
            closed.append(True)

    def fail(trainer: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(progress, "make", lambda *_: Bar())
    with pytest.raises(RuntimeError, match="no"):
        sprat.fit(classifier(), X, Y, epochs=2, callbacks=[fail])
    assert closed == [True]
