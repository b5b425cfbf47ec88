"""Every example in the docs runs, and every public name has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import sprat

ROOT = Path(__file__).parents[1]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

NATIVE = re.compile(r"\._core|__main__|cython_api")
PACKAGE = [m.name for m in pkgutil.walk_packages(sprat.__path__, "sprat.")]
MODULES = ["sprat", *sorted(name for name in PACKAGE if not NATIVE.search(name))]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(autouse=True)
def in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    with np.printoptions(legacy=False):
        assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_an_example(name: str) -> None:
    module = importlib.import_module(name)
    public = [n for n in getattr(module, "__all__", []) if not n.startswith("_")]
    bare = []
    for n in public:
        thing = getattr(module, n)
        if inspect.ismodule(thing) or not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if ">>>" not in (inspect.getdoc(thing) or ""):
            bare.append(n)
    assert bare == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages(page: Path) -> None:
    """Python blocks of a page run one after the other; blocks with >>> are compared with what they show."""
    text = page.read_text()
    unfenced = re.sub(r"^```.*$", "", text, flags=re.M)  # a closing fence would count as output
    examples = doctest.DocTestParser().get_doctest(unfenced, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(examples).failed == 0
    scope: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        if ">>>" not in block:
            exec(compile(block, str(page), "exec"), scope)


def test_pages_link_to_files_that_exist() -> None:
    broken = []
    for page in [*PAGES, *ROOT.glob("*.md"), *(ROOT / "cpp").rglob("*.md"), *(ROOT / "bench").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
