"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from sprat import runtime

# The machine is shared: a slow example is no failure, and the same examples run every time.
settings.register_profile(
    "sprat", deadline=None, derandomize=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sprat")

ISAS = [name for name, supported in runtime.isas().items() if supported]


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once per instruction set of this machine, and proves that the forced one is in use."""
    before = runtime.isa()
    runtime.set_isa(request.param)
    assert runtime.isa() == request.param
    yield request.param
    runtime.set_isa(before)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Runs the test once per number of threads."""
    with runtime.threads(request.param):
        assert runtime.num_threads() == request.param
        yield request.param


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With ``-n``, a file goes to one process, which builds once what its tests share."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by number of tests: cross-compiling, with few, would come last
    return LoadFileScheduling(config, log)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With SPRAT_TESTS_STRICT, as in CI, a test that skips because something is not installed has failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("SPRAT_TESTS_STRICT") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which SPRAT_TESTS_STRICT forbids: {report.longrepr}"
