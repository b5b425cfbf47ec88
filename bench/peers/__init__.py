"""One file for each library, ours among them. What is not installed is left out."""

from __future__ import annotations

import importlib
from collections.abc import Collection

PEERS = (
    "ours",
    "ours_from_c",
    "numpy",
    "scipy",
    "torch",
    "onnxruntime",
    "openvino",
    "litert",
    "jax",
    "sklearn",
    "deepspeed",
    "numkong",
)


def load(names: Collection[str] = PEERS) -> dict[str, str]:
    """Import the adapters; gives the peers that are left out, and why."""
    missing = {}
    for name in names:
        try:
            importlib.import_module(f".with_{name}", __package__)
        except ImportError as error:
            if name.startswith("ours"):
                raise
            missing[name] = str(error)
    return missing
