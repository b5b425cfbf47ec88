"""sprat.runtime: instruction sets, threads, floating-point mode."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import sprat
from sprat import runtime


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPRAT_", "OMP_"))}
    return subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, timeout=120
    )


def test_forced_isa_really_runs(isa: str) -> None:
    done = run("import sprat; print(sprat.runtime.isa())", SPRAT_ISA=isa)
    assert (done.stdout, done.stderr) == (f"{isa}\n", "")


def test_unknown_isa_is_one_warning_and_the_best_is_used() -> None:
    done = run("import sprat; print(sprat.runtime.isa())", SPRAT_ISA="mmx")
    assert done.stdout.strip() == [name for name, ok in runtime.isas().items() if ok][-1]
    assert "SPRAT_ISA=mmx: this build does not have it" in done.stderr


def test_set_isa_refuses_in_one_line() -> None:
    before = runtime.isa()
    with pytest.raises(ValueError, match=r"^isa: this build has no instruction set 'mmx'$"):
        runtime.set_isa("mmx")
    assert runtime.isa() == before


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SPRAT_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, "3 SPRAT_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "2,4"}, "2 OMP_NUM_THREADS"),
    ],
)
def test_threads_from_environment(environment: dict[str, str], expected: str) -> None:
    done = run("from sprat import runtime as r; print(r.num_threads(), r.num_threads_source())", **environment)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_bad_thread_count_in_the_environment_is_one_warning() -> None:
    done = run("from sprat import runtime as r; print(r.num_threads())", SPRAT_NUM_THREADS="many")
    assert int(done.stdout) >= 1
    assert done.stderr.count("RuntimeWarning") == 1
    assert "SPRAT_NUM_THREADS" in done.stderr


def test_affinity_limits_threads() -> None:
    done = run(
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from sprat import runtime as r; print(r.num_threads())"
    )
    assert done.stdout.strip() == "1"


def test_context_manager_affects_only_its_thread() -> None:
    seen = []
    with runtime.threads(5):
        assert runtime.num_threads() == 5
        other = threading.Thread(target=lambda: seen.append(runtime.num_threads()))
        other.start()
        other.join()
        with runtime.threads(1):
            assert runtime.num_threads() == 1
        assert runtime.num_threads() == 5
    assert runtime.num_threads() == seen[0]


@pytest.mark.parametrize("count", [-1, -100])
def test_negative_thread_count_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"^num_threads: wanted at least 0, got {count}$"):
        runtime.set_num_threads(count)


def test_float_mode_is_reported_and_left_alone() -> None:
    before = runtime.float_mode()
    assert before["rounding"] == "nearest even"
    assert not before["flush_to_zero"]
    np.ones(3).sum()
    assert runtime.float_mode() == before


def test_info_names_everything() -> None:
    info = runtime.info()
    assert info["version"] == sprat.__version__
    assert info["isa"] in info["isas"]
    assert info["num_threads"] >= 1


def test_threadpoolctl_governs_the_pool() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    runtime.register_threadpoolctl()
    runtime.register_threadpoolctl()  # a second time changes nothing
    mine = [row for row in threadpoolctl.threadpool_info() if row["user_api"] == "sprat"]
    assert len(mine) == 1
    with threadpoolctl.threadpool_limits(limits=1, user_api="sprat"):
        assert runtime.num_threads() == 1
    runtime.set_num_threads(0)


def test_import_is_lazy() -> None:
    """``import sprat`` loads the native module, which loads the NumPy whose arrays it reads, and nothing else."""
    done = run(
        "import sys, sprat; print(*sorted(m for m in sys.modules if m.split('.')[0] in "
        "('sprat', 'safetensors', 'scipy', 'matplotlib', 'rich', 'pandas', 'torch')))"
    )
    assert done.stdout.split() == ["sprat", "sprat._core"]
