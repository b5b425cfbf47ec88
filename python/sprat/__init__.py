"""Small neural networks at native CPU speed: train, distil, prune, quantize and serve.

Submodules load when first used, so that ``import sprat`` stays quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from . import _core

__version__: str = _core.version()

# Submodules, and names that live in one of them, loaded on first use.
_SUBMODULES = (
    "cli",
    "compression",
    "config",
    "cuda",
    "demo",
    "distillation",
    "errors",
    "export",
    "inference",
    "io",
    "nn",
    "optim",
    "packing",
    "prune",
    "quantization",
    "runtime",
    "structure",
    "tabular",
    "training",
)
_NAMES = {
    "FormatError": "errors",
    "SpratError": "errors",
    "Predictor": "inference",
    "break_even": "packing",
    "compress": "compression",
    "distill": "distillation",
    "evaluate": "training",
    "explain": "inference",
    "fit": "training",
    "load": "io",
    "pack": "packing",
    "save": "io",
}

if TYPE_CHECKING:
    from . import errors as errors
    from . import runtime as runtime
    from .errors import FormatError as FormatError
    from .errors import SpratError as SpratError


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        value = getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'sprat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_NAMES})


if os.environ.get("SPRAT_ISA") or _core.num_threads_warning():
    from .runtime import _warn_about_environment

    _warn_about_environment()
if "threadpoolctl" in sys.modules:
    from .runtime import register_threadpoolctl

    register_threadpoolctl()
