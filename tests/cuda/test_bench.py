"""bench/bench_cuda.py: each case computes what the CPU does; without a device it says so in one line."""

from __future__ import annotations

from types import ModuleType

import pytest
from bench.topics import Wanted

from bench import bench_cuda, cuda_limits

CASES = 12


def test_every_case_is_right_on_the_device(native: ModuleType) -> None:
    cases = list(bench_cuda.all_cases(bench_cuda.TINY))
    assert len(cases) == CASES
    for case in cases:
        (ours,) = (candidate for candidate in case.candidates if candidate.name == "sprat")
        ours.check()
        assert ours.times == bench_cuda.REPEATS
        assert case.limit is not None
        seconds, words = case.limit
        assert native.is_emulated or (seconds is not None and seconds > 0 and words)
    assert cuda_limits.bandwidth(1 << 16) > 0


def test_it_says_that_there_is_no_device(native: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    if not native.is_emulated:
        pytest.skip("there is one")
    assert list(bench_cuda.cases(Wanted())) == []
    assert capsys.readouterr().out == "no CUDA device here: it is emulated, and has no speed to measure\n"


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    device = {"multiprocessors": 100, "clock_khz": 2_000_000, "capability": (9, 0)}
    monkeypatch.setattr(cuda_limits, "about", lambda: device)
    monkeypatch.setattr(cuda_limits, "bandwidth", lambda: 1e12)
    assert cuda_limits.peak("float32") == 100 * 2e9 * 256
    assert cuda_limits.shortest(flops=51.2e12, num_bytes=1e9) == (1.0, "float32 peak")
    assert cuda_limits.shortest(num_bytes=1e12) == (1.0, "copy bandwidth")
    device["clock_khz"] = 0
    assert cuda_limits.shortest(flops=1.0) == (None, "")
