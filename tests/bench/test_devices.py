"""python -m bench.devices: exported networks take fewer instructions than loops by hand, and no more stack than they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.devices.__main__ import measured, subjects

from sprat.export.program import STACK_BYTES
from tools import need


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_fewer_instructions_than_by_hand(tmp_path: Path, kind: str) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    sizes = [24, 16, 3]
    found = {}
    for name, text, options, _ in subjects(sizes):
        if name in (f"sprat {kind}", f"by hand, {kind}"):
            found[name.split()[0]] = measured(text, sizes[0], sizes[-1], "Cortex-M4F", options, tmp_path)
    ours, by_hand = found["sprat"], found["by"]
    assert 0 < ours[3] < 0.75 * by_hand[3]
    assert 0 < ours[2] <= STACK_BYTES
    assert 0 < ours[0] < by_hand[0] + 1500
