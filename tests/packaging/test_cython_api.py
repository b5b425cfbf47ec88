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
from support import assert_same_bits

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


def test_predictor_without_the_gil(build: Callable[[str, str], ModuleType]) -> None:
    downstream = build(
        "serving",
        """
import numpy as np

def predict(predictor, const float[:, ::1] x):
    cdef sp.PredictorHandle handle = sp.predictor_of(predictor)
    out = np.empty((x.shape[0], sp.predictor_out_features(handle)), np.float32)
    cdef float[:, ::1] result = out
    cdef int status
    cdef int64_t row
    assert sp.predictor_in_features(handle) == x.shape[1] and sp.predictor_dtype(handle) == sp.FLOAT32
    with nogil:
        for row in range(x.shape[0]):
            status = sp.predictor_run(handle, &x[row, 0], 1, &result[row, 0])
            if status:
                break
    if status:
        raise ValueError(sp.last_error().decode())
    return out
""",
    )
    model = sprat.nn.MLP([6, 20, 3], seed=0)
    x = np.random.default_rng(0).normal(size=(33, 6)).astype(np.float32)
    for frozen in (model, sprat.quantization.quantize_model(model)):
        predictor = sprat.Predictor(frozen)
        assert_same_bits(downstream.predict(predictor, x), predictor(x))
    with pytest.raises(TypeError, match=r"^predictor: wanted a sprat\.Predictor, got MLP$"):
        downstream.predict(model, x)


def test_quantize_without_the_gil(build: Callable[[str, str], ModuleType]) -> None:
    downstream = build(
        "codes",
        """
def quantize(const float[::1] x, float scale, signed char zero_point, signed char[::1] q):
    cdef sp.Quantizer quantizer
    cdef int status
    quantizer.size = sizeof(quantizer)
    quantizer.real = sp.FLOAT32
    quantizer.integer = sp.INT8
    quantizer.quant_min, quantizer.quant_max = -128, 127
    quantizer.outer = quantizer.channels = 1
    quantizer.inner = x.shape[0]
    quantizer.scales = &scale
    quantizer.zero_points = &zero_point
    with nogil:
        status = sp.quantize(&quantizer, &x[0], &q[0])
    if status:
        raise ValueError(sp.last_error().decode())
""",
    )
    x = np.random.default_rng(0).normal(size=100).astype(np.float32)
    q = np.empty(100, np.int8)
    downstream.quantize(x, 0.05, 3, q)
    assert_same_bits(q, sprat.quantization.quantize(x, 0.05, 3))
    with pytest.raises(ValueError, match="scale"):
        downstream.quantize(x, -1.0, 3, q)
