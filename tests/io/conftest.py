"""Every model file that a test here loads, good or broken, is shown to the C library too."""

from __future__ import annotations

import os
from typing import Any

import pytest

import sprat
from native_library import assert_same_answers, loaded
from sprat.io import container


@pytest.fixture(autouse=True)
def c_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """``sprat.load`` checks that C takes the file, with the same answers, or refuses it as Python does."""
    python_load = sprat.load

    def load(path: Any) -> Any:
        try:
            model = python_load(path)
        except sprat.FormatError:
            with pytest.raises(sprat.FormatError), loaded(os.fsdecode(path)):
                pass
            raise
        with container.reading(path) as (contents, _):
            kind = contents.kind
        if kind in ("mlp", "packed_mlp"):
            with loaded(os.fsdecode(path)) as native:
                assert_same_answers(native, model)
        return model

    monkeypatch.setattr(sprat, "load", load)
