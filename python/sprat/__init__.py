"""Small neural networks at native CPU speed: train, distil, prune, quantize and serve.

Submodules load when first used, so that ``import sprat`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._core import version as _version

__version__: str = _version()

# Submodules, and names that live in one of them, loaded on first use.
_SUBMODULES = (
    "cli",
    "compression",
    "distillation",
    "errors",
    "inference",
    "io",
    "nn",
    "optim",
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
    "compress": "compression",
    "distill": "distillation",
    "evaluate": "training",
    "fit": "training",
    "load": "io",
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
