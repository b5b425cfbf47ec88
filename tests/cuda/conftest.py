"""The CUDA module that the tests of this folder run on.

By default it is the emulation, built once from the same .cu files by the C++ compiler into ``build/cuda-emulation``
(cpp/cuda/README.md). With ``SPRAT_TEST_CUDA=device`` it is the installed ``sprat._cuda`` on a real GPU.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from cuda_device import Device, build_module
from sprat.cuda import _native

ORDERS = ["forward", "reverse", "shuffle:1"]


@pytest.fixture(scope="session")
def native_of_session() -> ModuleType:
    if os.environ.get("SPRAT_TEST_CUDA") == "device":
        return _native.require()
    path = os.environ.get("SPRAT_CUDA_MODULE")
    return _native.load(path or str(build_module("cuda-emulation", "-DSPRAT_CUDA_EMULATION=ON")))


@pytest.fixture(autouse=True)
def native(native_of_session: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``sprat._cuda``: the emulation, or that of a real GPU; for this test ``sprat.cuda`` works on it too."""
    monkeypatch.setitem(sys.modules, "sprat._cuda", native_of_session)
    return native_of_session


@pytest.fixture
def device(native: ModuleType) -> Iterator[Device]:
    """Memory of the device, given back after the test."""
    lent = Device(native)
    yield lent
    lent.close()


@pytest.fixture(params=ORDERS)
def order(request: pytest.FixtureRequest, native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test once for each order in which the emulation runs blocks and threads; hardware chooses its own."""
    if not native.is_emulated and request.param != "forward":
        pytest.skip("a real GPU has an order of its own")
    monkeypatch.setenv("SPRAT_CUDA_ORDER", request.param)
    return str(request.param)
