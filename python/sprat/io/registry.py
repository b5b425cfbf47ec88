"""Which kinds of file there are; a kind of model adds itself with one call.

>>> from sprat.io import registry
>>> sorted(registry.kinds())
['mlp', 'packed_mlp', 'training']
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .layout import TensorSpec
from .strict_json import shorten

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Format:
    """How one kind of object is written, proved and read.

    ``encode(obj) -> (config, arrays)``
        ``config`` is JSON-able and says everything that is not a number of a tensor.
    ``layout(config) -> {name: TensorSpec}``
        Proves the configuration (ValueError otherwise) and names every tensor with dtype and shape. Runs before a
        tensor is read, so it must not allocate by sizes it was told.
    ``decode(config, arrays) -> obj``
        Proves the values (masks of 0 and 1, finite scales, ...) and builds the object.
    """

    kind: str
    type: type
    encode: Callable[[Any], tuple[dict[str, Any], Arrays]]
    layout: Callable[[Mapping[str, Any]], dict[str, TensorSpec]]
    decode: Callable[[Mapping[str, Any], Arrays], Any]


# Kinds of sprat's own, imported when a file or an object asks for them: kind -> (module of the class, module that
# registers).
_KNOWN = {
    "mlp": ("sprat.nn", "sprat.io.mlp"),
    "packed_mlp": ("sprat.packing", "sprat.io.packed_mlp"),
}
_FORMATS: dict[str, Format] = {}


def register(format: Format) -> None:
    """Add a kind of file; registering a kind again replaces it."""
    _FORMATS[format.kind] = format


def kinds() -> set[str]:
    """All kinds of model file that can be read."""
    return {*_KNOWN, *_FORMATS}


def by_kind(kind: str) -> Format:
    """The format of a kind; ValueError when it is unknown."""
    if kind not in _FORMATS and kind in _KNOWN:
        importlib.import_module(_KNOWN[kind][1])
    if kind not in _FORMATS:
        raise ValueError(f"unknown kind {shorten(kind)}; this sprat reads {', '.join(sorted(kinds()))}")
    return _FORMATS[kind]


def by_object(obj: Any) -> Format:
    """The format that saves an object; TypeError when there is none."""
    for base in type(obj).__mro__:
        for owner, module in _KNOWN.values():
            if base.__module__.startswith(owner):
                importlib.import_module(module)
        for found in _FORMATS.values():
            if found.type is base:
                return found
    raise TypeError(f"a {type(obj).__name__} cannot be saved; wanted one of: {', '.join(sorted(kinds()))}")
