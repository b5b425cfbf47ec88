"""The arrows of the native part: a room includes only the rooms that the table of cpp/README.md grants it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CPP = Path(__file__).parents[2] / "cpp"
SOURCES = sorted(path for path in CPP.rglob("*") if path.suffix in (".h", ".cpp", ".pyx", ".cu"))
GENERATED = {"isa_list.h"}
# The emulation of CUDA includes itself as the toolkit would be: from its own folder.
EMULATION = "emulation/"
# core/README.md tells why.
EXCEPTIONS = {("core/normal.h", "simd/math.h")}


def grants() -> dict[str, set[str]]:
    """For each room of the table, the rooms it may include besides itself."""
    rows = re.findall(r"^\| `(\w+)/(?:\S*)` \|.*\| (.*) \|$", (CPP / "README.md").read_text(), re.M)
    rooms = {room for room, _ in rows}
    return {room: rooms & set(re.findall(r"\w+", text.replace("sprat.h", "include"))) for room, text in rows}


def includes(source: Path) -> list[str]:
    """What a source includes of ours: paths below cpp/ and cpp/include."""
    return re.findall(r'^\s*#include "([^"]+)"', source.read_text(), re.M)


def resolved(target: str) -> Path:
    if target.startswith(EMULATION):
        return CPP / "cuda" / target
    return CPP / "include" / target if target.startswith("sprat/") else CPP / target


def room_of(path: Path) -> str:
    return path.relative_to(CPP).parts[0]


def test_the_table_names_every_room() -> None:
    rooms = {room_of(path) for path in SOURCES}
    assert rooms == set(grants())


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(CPP)))
def test_includes_follow_the_arrows(source: Path) -> None:
    name, room = str(source.relative_to(CPP)), room_of(source)
    allowed = grants()[room] | {room}
    for target in includes(source):
        if target in GENERATED or (name, target) in EXCEPTIONS:
            continue
        assert resolved(target).is_file(), f'{name} includes "{target}", which does not exist'
        assert room_of(resolved(target)) in allowed, f'{name} includes "{target}", but {room}/ may not'


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(CPP)))
def test_no_source_includes_a_source(source: Path) -> None:
    assert [target for target in includes(source) if not target.endswith(".h")] == []


@pytest.mark.parametrize("room", ["api", "bindings"])
def test_no_intrinsic_reaches(room: str) -> None:
    """Neither directly nor through another header: what these rooms hold is compiled once, for the oldest CPU."""
    seen: set[Path] = set()
    waiting = [path for path in SOURCES if room_of(path) == room]
    while waiting:
        source = waiting.pop()
        assert room_of(source) not in ("simd", "formulas", "storage"), source
        for target in includes(source):
            if target not in GENERATED and resolved(target) not in seen:
                seen.add(resolved(target))
                waiting.append(resolved(target))


def test_a_formula_knows_no_instruction_set_and_no_thread() -> None:
    """So that any width, place and device can run it."""
    for path in (CPP / "formulas").rglob("*.h"):
        code = re.sub(r"//.*", "", path.read_text())
        assert re.findall(r"\b_mm\w*|__AVX\w*|__ARM\w*|__CUDA\w*|std::\w*|\bthread\w*|\bparallel_for", code) == [], path
