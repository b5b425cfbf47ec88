"""The emulation finds what is wrong, and nothing where nothing is.

Kernels with a mistake (broken/broken.cu) are found by thread orders, ThreadSanitizer and AddressSanitizer; every kernel of the
library (every_kernel.cpp) runs under both without a word.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cuda_device import ROOT, Device, build_module
from guarded import guarded
from sprat import _core
from support import assert_same_bits
from tools import need

CUDA = ROOT / "cpp/cuda"
SUM = "189\n"


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The program of broken.cu: plain, and under each sanitizer."""
    need("g++")
    folder = tmp_path_factory.mktemp("broken")
    sources = [str(path) for path in sorted((CUDA / "emulation").glob("*.cpp"))]
    flags = ["-std=c++20", "-O1", "-g", "-DSPRAT_ISA=cuda", "-DSPRAT_ISA_CUDA=1", "-DSPRAT_CUDA_EMULATED", "-pthread"]
    paths = [f"-I{path}" for path in (CUDA / "emulation", CUDA, ROOT / "cpp", ROOT / "cpp/include")]
    programs = {}
    for name, own in {
        "plain": [],
        "address": ["-fsanitize=address"],
        "thread": ["-fsanitize=thread", "-DSPRAT_EMULATED_THREADS"],
    }.items():
        programs[name] = str(folder / name)
        command = ["g++", *flags, *own, *paths, "-x", "c++", str(Path(__file__).parent / "broken/broken.cu"), *sources]
        done = run([*command, "-o", programs[name]])
        assert done.returncode == 0, done.stderr
    return programs


def test_a_missing_barrier_shows_in_some_order(broken: dict[str, str]) -> None:
    def sums(mode: str) -> set[str]:
        return {
            run([broken["plain"], mode], SPRAT_CUDA_ORDER=order).stdout for order in ("forward", "reverse", "shuffle:3")
        }

    assert sums("right") == {SUM}
    assert len(sums("race")) > 1


def test_threads_at_different_barriers_are_told(broken: dict[str, str]) -> None:
    done = run([broken["plain"], "stuck"])
    assert done.returncode < 0
    assert done.stderr == "CUDA emulation: the threads of a block wait at different barriers\n"


def test_memory_that_nobody_wrote_is_nan(broken: dict[str, str]) -> None:
    assert "nan" in run([broken["plain"], "uninitialized"]).stdout


def test_thread_sanitizer_finds_the_race_and_no_other(broken: dict[str, str]) -> None:
    right = run([broken["thread"], "right"])
    assert (right.returncode, right.stdout, right.stderr) == (0, SUM, "")
    race = run([broken["thread"], "race"])
    assert race.returncode != 0
    assert "data race" in race.stderr
    assert "broken.cu" in race.stderr


@pytest.mark.parametrize(("mode", "error"), [("shared", "global-buffer-overflow"), ("device", "heap-buffer-overflow")])
def test_address_sanitizer_finds_an_overrun(broken: dict[str, str], mode: str, error: str) -> None:
    right = run([broken["address"], "right"])
    assert (right.returncode, right.stdout, right.stderr) == (0, SUM, "")
    wrong = run([broken["address"], mode])
    assert wrong.returncode != 0
    assert error in wrong.stderr
    assert "broken.cu" in wrong.stderr


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_every_kernel_under_a_sanitizer(sanitizer: str) -> None:
    """No race between two barriers of a block, no byte beyond an array of a block or of the user."""
    options = ("-DSPRAT_CUDA_EMULATION=ON", f"-DSPRAT_CUDA_SANITIZE={sanitizer}")
    program = build_module(f"cuda-{sanitizer}", *options, target="every_kernel")
    done = run([str(program)])
    assert (done.returncode, done.stdout, done.stderr) == (0, "every kernel ran\n", "")


@pytest.mark.parametrize("at_end", [True, False])
def test_no_kernel_leaves_its_arrays(device: Device, at_end: bool) -> None:
    """Arrays between pages that must not be touched. The emulation takes their addresses as they are."""
    if not device.native.is_emulated:
        pytest.skip("a real GPU does not read the host's arrays")
    native = device.native
    for n in (1, 3, 2048, 2051):
        x, y, q, mask = (guarded(n, dtype, at_end) for dtype in (np.float32, np.float32, np.int8, np.uint8))
        x[:] = np.linspace(-2, 2, n)
        at_x, at_y, at_q, at_mask = (array.ctypes.data for array in (x, y, q, mask))
        native.activation_forward("gelu", "float32", at_x, at_y, n)
        expected = np.empty_like(x)
        _core.activation_forward("gelu", x, expected)
        assert_same_bits(y, expected)
        scale = device.put(np.array([0.1], np.float32))
        native.Quantizer("float32", "int8", -128, 127, 1, 1, n, scale, 0).quantize(at_x, at_q)
        native.Quantizer("float32", "int8", -128, 127, 1, 1, n, scale, 0).dequantize(at_q, at_y)
        native.prune_smallest("float32", [(at_x, at_mask, n)], n // 2)
        assert int(mask.sum()) == n - n // 2
        native.fill_uniform("float32", 1, 2, 0.0, 1.0, n, at_y)
        states = [guarded(n, np.float32, at_end) for _ in range(3)]
        plan = native.OptimizerPlan(
            [("adam", "float32", [(n, at_x, [s.ctypes.data for s in states[:2]], at_mask, states[2].ctypes.data)])]
        )
        plan.set_params(0, {"lr": 0.1, "beta1": 0.9, "beta2": 0.9, "eps": 1e-8})
        plan.set_options(1.0, 0.0, 0.5, True)
        assert plan.step([at_y])


def test_without_a_driver(native: ModuleType) -> None:
    """One clear line, and `import sprat` does not notice."""
    if not native.is_emulated:
        pytest.skip("this machine has a driver")
    code = (
        "import sprat\nprint(sprat.cuda.is_available())\n"
        "try: sprat.cuda.device_count()\nexcept RuntimeError as error: print(error)"
    )
    module = str(ROOT / "build/cuda-emulation" / Path(native.__file__ or "").name)
    done = run([sys.executable, "-c", code], SPRAT_CUDA_MODULE=module, SPRAT_CUDA_EMULATED_DEVICES="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "False\nCUDA: no driver, or one that is too old\n"
    done = run([sys.executable, "-c", code], SPRAT_CUDA_MODULE="/nowhere/_cuda.so")
    assert done.returncode == 0
    assert done.stdout.startswith("False\nCUDA: /nowhere/_cuda.so does not load: ")
    assert len(done.stdout.splitlines()) == 2
