"""All models, exported once."""

from __future__ import annotations

from pathlib import Path

import pytest

import sprat
from export.models import all_models
from sprat.nn.model import Model


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    return dict(all_models())


@pytest.fixture(scope="session")
def exported(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a .c, a .h and a .hpp of each."""
    folder = tmp_path_factory.mktemp("exported")
    for name, model in models.items():
        sprat.export.c(model, folder / f"{name}.c", tests=6)
        sprat.export.cpp(model, folder / f"{name}.hpp", tests=6)
    return folder
