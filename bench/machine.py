"""The machine: which processors a run may use, and what its figures depend on."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Read by libraries when they are loaded; so a run sets them before it imports any.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "SPRAT_NUM_THREADS",
)  # fmt: skip


def environment(threads: int, inherited: Mapping[str, str]) -> dict[str, str]:
    """Variables under which every library uses `threads`."""
    variables = dict(inherited) | {name: str(threads) for name in THREAD_VARIABLES}
    flags = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} intra_op_parallelism_threads={threads}"
    variables |= {"XLA_FLAGS": f"{inherited.get('XLA_FLAGS', '')} {flags}".strip(), "JAX_PLATFORMS": "cpu"}
    variables |= {"TF_CPP_MIN_LOG_LEVEL": "3", "DS_ACCELERATOR": "cpu", "TOKENIZERS_PARALLELISM": "false"}
    return variables


def pin(threads: int) -> list[int]:
    """Keep the process on the last `threads` processors it may use: the first ones serve interrupts more often."""
    processors = sorted(os.sched_getaffinity(0))[-threads:]
    if len(processors) < threads:
        raise ValueError(f"--threads {threads}: this process may use {len(processors)} processors")
    os.sched_setaffinity(0, processors)
    return processors


def cpu_model() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    if named.get("cpu family") and named.get("model name", "").strip() in ("AMD EPYC", "unknown"):
        return f"{named['model name']} family {named['cpu family']} model {named['model']}"
    return named.get("model name") or named.get("CPU part") or platform.machine()


def versions() -> dict[str, str]:
    """Of the libraries that took part."""
    names = ("numpy", "torch", "onnxruntime", "openvino", "ai_edge_litert", "jax", "sklearn", "deepspeed", "numkong")
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in ("sprat", *names)}
    return {name: str(version) for name, version in found.items() if version}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    import sprat

    return {"cpu": cpu_model(), "isa": sprat.runtime.isa(), "threads": sprat.runtime.num_threads()}


def machine_name(about: Mapping[str, Any]) -> str:
    """A file name for figures of one type of machine.

    >>> machine_name({"cpu": "AMD Ryzen 9 7950X (tm)", "isa": "avx512_vnni", "threads": 1})
    'amd-ryzen-9-7950x-tm-avx512_vnni-1'
    """
    cpu = re.sub(r"[^a-z0-9]+", "-", str(about["cpu"]).lower()).strip("-")
    return f"{cpu}-{about['isa']}-{about['threads']}"
