"""A downstream package: cimport sprat.cython_api, no header, no linking."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import sprat

HEAD = """
# cython: language_level=3
cimport sprat.cython_api as sp
from libc.stdint cimport int64_t

if sp.abi_version() != sp.ABI_VERSION:
    raise ImportError("another sprat")
"""


@pytest.fixture
def build(tmp_path: Path) -> Callable[[str, str], ModuleType]:
    """Translates, compiles and imports a Cython module."""

    def build(name: str, text: str) -> ModuleType:
        pytest.importorskip("Cython")
        (tmp_path / f"{name}.pyx").write_text(HEAD + text)
        package_root = str(Path(sprat.__file__).parents[1])
        library = tmp_path / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
        include = sysconfig.get_paths()["include"]
        for command in (
            [sys.executable, "-m", "cython", "-3", "-I", package_root, f"{name}.pyx"],
            ["cc", "-O2", "-shared", "-fPIC", f"-I{include}", f"{name}.c", "-o", str(library)],
        ):
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
        import importlib.util

        spec = importlib.util.spec_from_file_location(name, library)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return build


def test_optimizer_step_without_the_gil(build: Callable[[str, str], ModuleType]) -> None:
    downstream = build(
        "steps",
        """
def descend(float[::1] param, const float[::1] grad, double lr):
    cdef sp.OptimizerTensor tensor
    cdef sp.OptimizerGroup group
    cdef sp.OptimizerOptions options
    cdef int status
    tensor.size = sizeof(tensor)
    tensor.length = param.shape[0]
    tensor.param = &param[0]
    tensor.grad = &grad[0]
    tensor.states[0] = tensor.states[1] = tensor.states[2] = NULL
    tensor.mask = NULL
    tensor.ema = NULL
    group.size = sizeof(group)
    group.optimizer = sp.optimizer_find(b"sgd")
    group.dtype = sp.FLOAT32
    group.params.size = sizeof(group.params)
    group.params.step = 1
    group.params.lr = lr
    group.params.weight_decay = 0
    group.params.maximize = 0
    group.tensors = &tensor
    group.num_tensors = 1
    options.size = sizeof(options)
    options.clip_norm = options.clip_value = options.ema_decay = 0
    with nogil:
        status = sp.optimizer_step(&group, 1, &options, NULL)
    if status:
        raise ValueError(sp.last_error().decode())

def refused():
    cdef sp.OptimizerOptions options
    options.size = 1
    with nogil:
        sp.optimizer_step(NULL, 0, &options, NULL)
    return sp.last_error().decode()
""",
    )
    param, grad = np.ones(5, np.float32), np.arange(5, dtype=np.float32)
    downstream.descend(param, grad, 0.5)
    np.testing.assert_array_equal(param, 1 - 0.5 * np.arange(5, dtype=np.float32))
    assert "options.size" in downstream.refused()
