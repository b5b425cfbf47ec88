"""Nested state (dicts, lists, numbers, arrays) as JSON plus named tensors, and back.

Training state is a tree: an optimizer's ``state_dict``, what callbacks remember, the history. Arrays move into tensors
of the file; what JSON cannot say is written as an object with one key that begins with ``$``:

    array              {"$tensor": name}            tuple     {"$tuple": [...]}
    nan, inf, -inf     {"$float": "nan"}            dict      {"$dict": [[key, value], ...]}  when a key is not a string

Nothing but these kinds is ever built when a file is read: no class is looked up, no code runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .strict_json import shorten

_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def pack(value: Any, prefix: str, tensors: dict[str, np.ndarray]) -> Any:
    """The JSON form of a tree; its arrays are added to ``tensors`` under names that begin with ``prefix``.

    >>> tensors = {}
    >>> pack({"step": 3, "betas": (0.9, 0.999), "exp_avg": np.zeros(2)}, "optimizer", tensors)
    {'step': 3, 'betas': {'$tuple': [0.9, 0.999]}, 'exp_avg': {'$tensor': 'optimizer.exp_avg'}}
    >>> list(tensors)
    ['optimizer.exp_avg']
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else {"$float": str(number)}
    if isinstance(value, np.ndarray):
        if prefix in tensors:
            raise ValueError(f"two arrays of the state would be named {prefix!r}")
        tensors[prefix] = value
        return {"$tensor": prefix}
    if isinstance(value, tuple):
        return {"$tuple": [pack(item, f"{prefix}.{index}", tensors) for index, item in enumerate(value)]}
    if isinstance(value, list):
        return [pack(item, f"{prefix}.{index}", tensors) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        packed = [(key, pack(item, f"{prefix}.{key}", tensors)) for key, item in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return dict(packed)
        return {"$dict": [[pack(key, prefix, tensors), item] for key, item in packed]}
    raise TypeError(
        f"{prefix}: a {type(value).__name__} cannot be saved; wanted numbers, strings, arrays, lists, dicts"
    )


def unpack(value: Any, tensors: dict[str, np.ndarray]) -> Any:
    """The tree of a JSON form; takes each array it names out of ``tensors``.

    >>> unpack({"betas": {"$tuple": [0.9, {"$float": "inf"}]}}, {})
    {'betas': (0.9, inf)}
    """
    if isinstance(value, list):
        return [unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    special = [key for key in value if key.startswith("$")]
    if not special:
        return {key: unpack(item, tensors) for key, item in value.items()}
    if len(value) != 1:
        raise ValueError(f"the state has {shorten(special[0])} beside other keys")
    ((key, item),) = value.items()
    if key == "$tensor" and isinstance(item, str):
        if item not in tensors:
            raise ValueError(f"the state names the tensor {shorten(item)}, which is missing or was used before")
        return tensors.pop(item)
    if key == "$float" and isinstance(item, str) and item in _FLOATS:
        return _FLOATS[item]
    if key == "$tuple" and isinstance(item, list):
        return tuple(unpack(part, tensors) for part in item)
    if key == "$dict" and isinstance(item, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in item):
        result: dict[Any, Any] = {}
        for raw, part in item:
            name = unpack(raw, tensors)
            if not isinstance(name, (str, int, float, bool, tuple)) or name in result:
                raise ValueError(f"the state has a dict with the bad or double key {shorten(name)}")
            result[name] = unpack(part, tensors)
        return result
    raise ValueError(f"the state has the unknown form {shorten(value)}")
