"""The stack that a call takes, as compilers say themselves (-fcallgraph-info=su), stays within the stated bound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from export.programs import compile_, names_in
from sprat.export.program import STACK_BYTES
from tools import need


def deepest(graph: str) -> dict[str, int]:
    """Bytes of the stack from each function down; a recursion has no end, and fails."""
    frames = {}
    for title, label in re.findall(r'node: \{ title: "([^"]+)" label: "([^"]*)"', graph):
        size = re.search(r"(\d+) bytes \((static|dynamic,bounded|dynamic)\)", label)
        assert size is None or size[2] != "dynamic", label
        frames[title] = int(size[1]) if size else 0
    calls: dict[str, set[str]] = {}
    for caller, callee in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', graph):
        calls.setdefault(caller, set()).add(callee)

    def below(name: str, path: tuple[str, ...]) -> int:
        assert name not in path, f"recursion: {path}"
        return frames.get(name, 0) + max((below(callee, (*path, name)) for callee in calls.get(name, ())), default=0)

    return {name: below(name, ()) for name in frames}


@pytest.mark.parametrize(
    "command",
    [
        ["gcc", "-O2"],
        ["gcc", "-O2", "-march=x86-64-v3"],
        ["gcc", "-O0"],
        ["arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m3", "-Os"],
        ["arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-O2"],
        ["aarch64-linux-gnu-gcc", "-O2"],
    ],
    ids=" ".join,
)
def test_the_bound_holds(exported: Path, tmp_path: Path, command: list[str]) -> None:
    need(command[0].replace("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"))
    names = names_in(exported)
    (tmp_path / "all.c").write_text("".join(f'#include "{name}.c"\n' for name in names))
    compile_([*command, "-std=c99", "-fcallgraph-info=su", "-I", exported, "-c", "all.c", "-o", "all.o"], tmp_path)
    found = deepest((tmp_path / "all.ci").read_text())
    bytes_of = {name: found[f"{name}_predict"] for name in names}
    assert max(bytes_of.values()) <= STACK_BYTES, max(bytes_of, key=bytes_of.__getitem__)
    assert max(bytes_of.values()) > 0
