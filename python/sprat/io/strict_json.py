"""JSON from files nobody has vouched for: what is ambiguous, not finite or out of proportion is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Deep enough for every configuration sprat writes (a dozen levels), far from the interpreter's own limit.
MAX_DEPTH = 64
# 2^64 has 20 digits; Python would otherwise read numbers of thousands of digits in quadratic time.
MAX_DIGITS = 20

# An empty list takes 2 bytes of text and 60 of memory: without a limit a file of some megabytes would take a gigabyte.
MAX_CONTAINERS = 1_000_000

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_MARKS = re.compile(r"[\[\]{}]")


def loads(text: str) -> Any:
    """Read JSON text; duplicate keys, NaN, infinities, huge integers and deep nesting raise ValueError.

    >>> loads('{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> loads('{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    ValueError: the key 'a' stands twice
    """
    _check_depth(text)
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_constant=_refuse_constant,
        parse_int=_integer,
        parse_float=_finite,
    )


def dumps(value: Any) -> str:
    """The canonical text: sorted keys, no spaces, no NaN; equal values give equal bytes.

    >>> dumps({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _check_depth(text: str) -> None:
    bare = _STRING.sub("", text)
    containers = bare.count("[") + bare.count("{")
    if containers > MAX_CONTAINERS:
        raise ValueError(f"{containers} lists and objects, the limit is {MAX_CONTAINERS}")
    depth = 0
    for mark in _MARKS.finditer(bare):
        depth += 1 if mark.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shorten(key)} stands twice")
            seen.add(key)
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {shorten(digits)} is out of range")
    return value


def shorten(value: object, limit: int = 60) -> str:
    """A printable form of at most ``limit`` characters, for messages about hostile input.

    >>> shorten("x" * 100, limit=10)
    "'xxxxxx..."
    """
    text = repr(value[: limit + 1]) if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
