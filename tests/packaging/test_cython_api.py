"""cimport sprat.cython_api, without a header and without linking: each function does what Python's does, bit for bit."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import sprat
from sprat import _core, runtime
from support import assert_same_bits

HERE = Path(__file__).parent
PACKAGE_ROOT = Path(sprat.__file__).parents[1]
PXD = (PACKAGE_ROOT / "sprat" / "cython_api.pxd").read_text()


@pytest.fixture(scope="module")
def cython(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """cython_calls.pyx, translated, compiled and imported."""
    pytest.importorskip("Cython")
    folder = tmp_path_factory.mktemp("cython_calls")
    library = folder / f"cython_calls{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_paths()["include"]
    for command in (
        [sys.executable, "-m", "cython", "-3", "-I", str(PACKAGE_ROOT), "-o", "cython_calls.c",
         str(HERE / "cython_calls.pyx")],
        ["cc", "-O1", "-shared", "-fPIC", f"-I{include}", "cython_calls.c", "-o", str(library)],
    ):  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    return _imported("cython_calls", library)


def _imported(name: str, library: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def floats(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n).astype(np.float32)


def test_versions(cython: Any) -> None:
    assert cython.versions()[0] == cython.versions()[1]


def test_every_function_is_called(cython: Any) -> None:
    calls = (HERE / "cython_calls.pyx").read_text()
    declared = re.findall(r"^cdef [\w* ]*?(\w+)\(", PXD, re.M)
    assert len(declared) > 30
    assert [name for name in declared if f"sp.{name}(" not in calls] == []
    assert set(declared) == set(sprat.cython_api.__pyx_capi__)  # type: ignore[attr-defined]


def test_structs_have_the_fields_of_the_header() -> None:
    """Sizes are compared at import; names and their order here."""
    text = (HERE.parents[1] / "cpp" / "include" / "sprat" / "sprat.h").read_text()
    header = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = 0
    for name, body in re.findall(r"^ctypedef struct (\w+):\n((?:    .*\n)+)", PXD, re.M):
        c_name = "sprat" + re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), name)
        match = re.search(rf"typedef struct {c_name} {{(.*?)}} {c_name};", header, re.S)
        assert match is not None, c_name
        assert _fields(body.replace("\n", ";")) == _fields(match[1]), name
        found += 1
    assert found >= 7


def _fields(body: str) -> list[str]:
    declared = [part for line in body.split(";") if line.strip() for part in line.split(",")]
    return [re.sub(r"\[.*\]", "", part).split()[-1].lstrip("*") for part in declared]


def test_runtime(cython: Any) -> None:
    assert cython.runtime() == (runtime.isa(), runtime.num_threads())
    before = runtime.num_threads()
    assert cython.with_threads(3) == 3
    assert cython.runtime()[1] == before
    cython.set_threads(5)
    try:
        seen: list[int] = []
        other = threading.Thread(target=lambda: seen.append(cython.runtime()[1]))
        other.start()
        other.join()
        assert seen == [5]
    finally:
        cython.set_threads(0)
    with pytest.raises(ValueError, match=r"^num_threads: wanted at least 0"):
        cython.set_threads(-1)


def test_refusals_say_why_in_the_calling_thread(cython: Any) -> None:
    told, message = cython.refused()
    assert told
    assert message.startswith("options.size")
    results: list[Any] = []
    other = threading.Thread(target=lambda: results.append(cython.refused()))
    with pytest.raises(ValueError, match="scale"):
        cython.quantize(floats(3), -1.0, 0, *_codes(3))
    other.start()
    other.join()
    assert results == [(told, message)]


def test_random_numbers(cython: Any) -> None:
    order, want = np.empty(1000, np.int64), np.empty(1000, np.int64)
    cython.permutation(7, 3, order)
    _core.permutation(want, 7, 3)
    assert_same_bits(order, want)
    assert sorted(order) == list(range(1000))
    real, real_want = np.empty(1001), np.empty(1001)
    cython.normal(7, 3, 1.0, 2.0, real)
    _core.fill_normal(real_want, 7, 3, 1.0, 2.0)
    assert_same_bits(real, real_want)
    x, x_want = np.empty(1001, np.float32), np.empty(1001, np.float32)
    cython.uniform(7, 3, -1.0, 1.0, x)
    _core.fill_uniform(x_want, 7, 3, -1.0, 1.0)
    assert_same_bits(x, x_want)


@pytest.mark.parametrize(
    ("name", "optimizer", "options", "num_states"),
    [
        ("sgd_momentum", "SGD", {"momentum": 0.9}, 1),
        ("adam", "Adam", {}, 2),
        ("nadam", "NAdam", {}, 2),  # its hyper-parameters move with the steps
    ],
)
def test_optimizer_steps(cython: Any, name: str, optimizer: str, options: dict[str, float], num_states: int) -> None:
    ours, theirs, grad = floats(100), floats(100), floats(100, 1)
    states = [np.zeros(100, np.float32) for _ in range(num_states)]
    norm = cython.steps(name, ours, grad, states, 0.01, options.get("momentum", 0.0), 20)
    peer = getattr(sprat.optim, optimizer)([theirs], lr=0.01, **options)
    for _ in range(20):
        peer.step([grad])
    assert_same_bits(ours, theirs)
    assert norm == pytest.approx(np.linalg.norm(grad.astype(np.float64)))


def test_clipping(cython: Any) -> None:
    param, grad = np.zeros(4, np.float32), np.float32([3, 0, 4, 0])
    assert cython.steps("sgd", param, grad, [], 1.0, 0.0, 1, clip_norm=1.0) == 5
    np.testing.assert_allclose(param, [-0.6, 0, -0.8, 0], rtol=1e-6)
    assert cython.nonfinite(np.float32([1, np.nan, np.inf, 2])) == 2


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh"])
def test_activations(cython: Any, name: str) -> None:
    z, grad_y = floats(101), floats(101, 1)
    y, grad_z, y_want, grad_want = (np.empty_like(z) for _ in range(4))
    cython.activation(name, z, grad_y, y, grad_z)
    _core.activation_forward(name, z, y_want)
    _core.activation_backward(name, z, y_want, grad_y, grad_want)
    assert_same_bits(y, y_want)
    assert_same_bits(grad_z, grad_want)


def test_losses(cython: Any) -> None:
    output, classes = floats(60).reshape(12, 5), np.arange(12, dtype=np.int64) % 5
    grad, want = np.empty_like(output), np.empty_like(output)
    value = cython.cross_entropy(output, classes, grad)
    assert value == _core.loss(output, classes, None, None, want, loss="cross_entropy")
    assert_same_bits(grad, want)
    with pytest.raises(ValueError, match=r"class"):
        cython.cross_entropy(output, classes + 1, grad)
    plain, log, plain_want, log_want = (np.empty_like(output) for _ in range(4))
    cython.softmaxes(output, plain, log)
    _core.softmax(output, plain_want)
    _core.log_softmax(output, log_want)
    assert_same_bits(plain, plain_want)
    assert_same_bits(log, log_want)


def test_pruning(cython: Any) -> None:
    ours, theirs, mask = floats(1000), floats(1000), np.empty(1000, np.uint8)
    pruned = cython.threshold(ours, mask, 0.5)
    want = sprat.prune.threshold(theirs, 0.5)
    assert_same_bits(ours, theirs)
    assert_same_bits(mask, np.asarray(want).astype(np.uint8))
    assert pruned == np.count_nonzero(mask == 0)
    first, second = floats(100), floats(50, 1)
    magnitudes = np.sort(np.abs(np.concatenate([first, second])))
    assert cython.smallest(first, second, 30) == magnitudes[29]
    assert np.count_nonzero(first == 0) + np.count_nonzero(second == 0) == 30


def _codes(n: int) -> tuple[np.ndarray, ...]:
    return np.empty(n, np.int8), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)


def test_quantizing(cython: Any) -> None:
    x = floats(100)
    q, back, fake, inside = _codes(100)
    cython.quantize(x, 0.02, 3, q, back, fake, inside)
    want = sprat.quantization.quantize(x, 0.02, 3)
    assert_same_bits(q, want)
    assert_same_bits(back, sprat.quantization.dequantize(want, 0.02, 3))
    assert_same_bits(fake, back)
    assert_same_bits(inside, sprat.quantization.fake_quantize(x, 0.02, 3, return_mask=True)[1])
    low, high, scale, zero_point, non_finite = cython.qparams(x)
    assert (low, high, non_finite) == (x.min(), x.max(), 0)
    assert (scale, zero_point) == sprat.quantization.choose_qparams(low, high, dtype="uint8")


def test_predictors(cython: Any) -> None:
    model = sprat.nn.MLP([6, 20, 3], seed=0)
    x = floats(33 * 6).reshape(33, 6)
    for frozen in (model, sprat.quantization.quantize_model(model), sprat.pack(model, "float16")):
        predictor = sprat.Predictor(frozen)
        assert_same_bits(cython.predict(predictor, x), predictor(x))
    with pytest.raises(TypeError, match=r"^predictor: wanted a sprat\.Predictor, got MLP$"):
        cython.predict(model, x)


def test_a_predictor_on_the_device_is_refused(cython: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = sprat.Predictor(sprat.nn.MLP([6, 3], seed=0))
    monkeypatch.setattr(sprat.Predictor, "device", "cuda")
    with pytest.raises(TypeError, match=r"^predictor: wanted one in host memory, got one on 'cuda'$"):
        cython.predict(predictor, floats(6).reshape(1, 6))


@pytest.mark.parametrize("from_memory", [False, True])
def test_predictors_from_files(cython: Any, tmp_path: Path, from_memory: bool) -> None:
    model = sprat.nn.MLP([6, 20, 3], seed=0)
    x = floats(33 * 6).reshape(33, 6)
    path = tmp_path / "model.safetensors"
    for kept in (model, sprat.quantization.quantize_model(model), sprat.pack(model, "float16")):
        sprat.save(kept, path)
        assert_same_bits(cython.predict_with(bytes(path), x, from_memory), sprat.Predictor(path)(x))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(sprat.FormatError):
        cython.predict_with(bytes(path), x, from_memory)


def test_a_file_that_is_not_there(cython: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no_such"):
        cython.predict_with(bytes(tmp_path / "no_such"), floats(6).reshape(1, 6), False)
