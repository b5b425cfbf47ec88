"""What tensors a configuration promises, compared with what the header lists, before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .header import CODES, Entry
from .strict_json import shorten


@dataclass(frozen=True)
class TensorSpec:
    """dtype and shape that a tensor must have."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, dtype: Any, *shape: int) -> TensorSpec:
        """
        >>> TensorSpec.of("float32", 3, 2)
        TensorSpec(dtype=dtype('float32'), shape=(3, 2))
        """
        return cls(np.dtype(dtype), tuple(shape))


def check(wanted: Mapping[str, TensorSpec], found: Mapping[str, Entry]) -> None:
    """ValueError unless the header lists exactly the tensors that are wanted, each with its dtype and shape."""
    for name, spec in wanted.items():
        entry = found.get(name)
        if entry is None:
            raise ValueError(f"tensor {shorten(name)} is missing")
        if entry.dtype != spec.dtype.newbyteorder("<") or entry.shape != spec.shape:
            raise ValueError(
                f"tensor {shorten(name)} is {_words(entry.dtype, entry.shape)}, "
                f"the configuration wants {_words(spec.dtype, spec.shape)}"
            )
    for name in found:
        if name not in wanted:
            raise ValueError(f"tensor {shorten(name)} has no place in the configuration")


def _words(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{CODES[dtype.newbyteorder('<')]} {shorten(list(shape))}"


class Fields:
    """Typed access to a configuration object: every key is asked for once, unknown keys are refused at the end.

    >>> fields = Fields({"rate": 0.5}, "dropout")
    >>> fields.number("rate", low=0.0, high=1.0)
    0.5
    >>> fields.done()
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is not an object")
        self._left = dict(value)
        self._where = where

    def any(self, key: str) -> Any:
        if key not in self._left:
            raise ValueError(f"{self._where}: the key {key!r} is missing")
        return self._left.pop(key)

    def has(self, key: str) -> bool:
        """Whether there is such a key, for the few that a file may leave out."""
        return key in self._left

    def peek(self, key: str) -> Any:
        """The value, left for the call that proves it; None when there is none."""
        return self._left.get(key)

    def text(self, key: str, among: Any = None) -> str:
        value = self.any(key)
        if not isinstance(value, str) or (among is not None and value not in among):
            raise ValueError(f"{self._where}: {key} = {shorten(value)} is unknown")
        return value

    def optional_text(self, key: str, among: Any = None) -> str | None:
        if self._left.get(key, "") is None:
            return self._left.pop(key)  # type: ignore[no-any-return]
        return self.text(key, among)

    def flag(self, key: str) -> bool:
        value = self.any(key)
        if not isinstance(value, bool):
            raise ValueError(f"{self._where}: {key} = {shorten(value)} is not true or false")
        return value

    def integer(self, key: str, low: int, high: int = 2**31 - 1) -> int:
        value = self.any(key)
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{self._where}: {key} = {shorten(value)} is not an integer from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = self.any(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ValueError(f"{self._where}: {key} = {shorten(value)} is not a number from {low} to {high}")
        return float(value)

    def items(self, key: str) -> list[Any]:
        value = self.any(key)
        if not isinstance(value, list):
            raise ValueError(f"{self._where}: {key} is not a list")
        return value

    def names(self, key: str) -> list[str]:
        value = self.items(key)
        if not all(isinstance(item, str) for item in value) or len(set(value)) != len(value):
            raise ValueError(f"{self._where}: {key} is not a list of different names")
        return value

    def done(self) -> None:
        if self._left:
            raise ValueError(f"{self._where}: unknown key {shorten(next(iter(self._left)))}")
