"""What every schedule is: a frozen dataclass, a pure function of the step, and a small JSON object."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, overload

import numpy as np
from numpy.typing import NDArray

from ..._check import short
from ...errors import FormatError

_registry: dict[str, type[Schedule]] = {}
_MAX_DEPTH = 64  # of objects and lists inside each other: a file must not be able to exhaust the stack


@dataclass(frozen=True)
class Schedule(ABC):
    """A learning rate as a pure function of the step.

    ``schedule(step)`` gives the rate of update number `step`, counted from 0. It holds no state, so a resumed
    run gets the rates of an uninterrupted one, and the same bits on every machine. A schedule of your own is
    a frozen dataclass that derives from this class, sets `name`, and defines `at`; it is then known to
    `from_config`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from sprat.optim import schedules
    >>> @dataclass(frozen=True)
    ... class Hyperbola(schedules.Schedule):
    ...     name = "hyperbola"
    ...     lr: float
    ...     def at(self, step: int) -> float:
    ...         return self.lr / (1 + step)
    >>> Hyperbola(0.5)(4)
    0.1
    >>> schedules.from_config(Hyperbola(0.5).config())
    Hyperbola(lr=0.5)
    """

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            _registry[cls.name] = cls

    @abstractmethod
    def at(self, step: int) -> float:
        """Rate of update `step` (a checked int >= 0): the schedule's equation."""

    @overload
    def __call__(self, step: NDArray[np.integer[Any]]) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, step: int | np.integer[Any]) -> float: ...
    def __call__(self, step: int | np.integer[Any] | NDArray[np.integer[Any]]) -> float | NDArray[np.float64]:
        """Rate of update `step`, counted from 0.

        Parameters
        ----------
        step : int, or integer array of any shape
            Number of updates done before this one.

        Returns
        -------
        float, or float64 array of the shape of `step`

        Raises
        ------
        TypeError
            If `step` is not an integer.
        ValueError
            If `step` is negative, or the rate overflows there.
        """
        if type(step) is int:
            return self._checked(step)
        if isinstance(step, np.ndarray):
            if step.dtype.kind not in "iu":
                raise TypeError(f"step: wanted an integer or an integer array, got an array of {step.dtype}")
            rates = np.fromiter((self._checked(i) for i in step.ravel().tolist()), np.float64, step.size)
            return rates.reshape(step.shape)
        try:
            index = operator.index(step)
        except TypeError:
            kind = type(step).__name__
            raise TypeError(f"step: wanted an integer or an integer array, got {kind}") from None
        return self._checked(index)

    def _checked(self, step: int) -> float:
        if step < 0:
            raise ValueError(f"step: wanted 0 or more, got {step}")
        rate = self.at(step)
        if not math.isfinite(rate):
            raise ValueError(f"the rate of schedule {self.name!r} overflows at step {step}")
        return rate

    def config(self) -> dict[str, Any]:
        """This schedule as a JSON object, read back by `from_config`.

        >>> from sprat.optim import schedules
        >>> schedules.Step(0.1, step_size=30).config()
        {'name': 'step', 'lr': 0.1, 'step_size': 30, 'gamma': 0.1}
        """
        return {"name": self.name} | {field.name: _encode(getattr(self, field.name)) for field in fields(self)}

    def _store(self, **values: Any) -> None:
        """Put checked values in the fields of this frozen object (only from `__post_init__`)."""
        for field, value in values.items():
            object.__setattr__(self, field, value)


def _encode(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.config()
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise FormatError(f"schedule: nested more than {_MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return _build(value, depth)
    if isinstance(value, list | tuple):
        return [_decode(item, depth + 1) for item in value]
    return value


def _build(config: Mapping[str, Any], depth: int) -> Schedule:
    name = config.get("name")
    cls = _registry.get(name) if isinstance(name, str) else None
    if cls is None:
        raise FormatError(f"schedule: name: wanted one of {', '.join(sorted(_registry))}, got {short(name)}")
    values = {key: value for key, value in config.items() if key != "name"}
    unknown = [key for key in values if key not in {field.name for field in fields(cls)}]
    if unknown:
        raise FormatError(f"schedule {name!r}: unknown field {short(unknown[0])}")
    decoded = {key: _decode(value, depth + 1) for key, value in values.items()}
    try:
        return cls(**decoded)
    except FormatError:
        raise
    except (TypeError, ValueError) as error:
        raise FormatError(f"schedule {name!r}: {error}") from None


def from_config(config: Mapping[str, Any]) -> Schedule:
    """Schedule from what its `config()` gave.

    Parameters
    ----------
    config : mapping
        JSON object with "name" and the schedule's fields; fields that have a default may be missing.

    Returns
    -------
    Schedule

    Raises
    ------
    sprat.errors.FormatError
        For an unknown name or field, a missing or a wrong value.

    Examples
    --------
    >>> from sprat.optim import schedules
    >>> schedules.from_config({"name": "cosine", "lr": 0.1, "steps": 100})
    Cosine(lr=0.1, steps=100, end=0.0)
    """
    if not isinstance(config, Mapping):
        raise FormatError(f"schedule: wanted a JSON object, got {type(config).__name__}")
    return _build(config, 0)


def registry() -> dict[str, type[Schedule]]:
    """All known schedules by the name used in configurations.

    >>> from sprat.optim import schedules
    >>> schedules.registry()["cosine"].__name__
    'Cosine'
    """
    return dict(sorted(_registry.items()))


def schedule(name: str, value: Any) -> Schedule:
    """`value` if it is a Schedule, else one line that names the argument."""
    if not isinstance(value, Schedule):
        raise TypeError(f"{name}: wanted a schedule, got {short(value)}")
    return value
