"""What an optimizer is given: parameters in any of the accepted forms, and groups of hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._check import check_flag, check_number
from .schedules import Schedule

Array = NDArray[Any]


@dataclass(slots=True)
class Parameter:
    """One array that an optimizer updates, and what it keeps for it."""

    array: Array
    name: str | None
    group: int
    mask: Array | None = None
    states: dict[str, Array] = field(default_factory=dict)
    ema: Array | None = None
    step: int = 0  # updates it has had
    mu_product: float = 1.0  # NAdam
    frozen: bool = False  # gets no gradient, keeps its states


def _rate(name: str, value: Any) -> float | Schedule:
    return value if isinstance(value, Schedule) else check_number(name, value)


def _betas(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name}: wanted a pair of numbers, got {value!r}")
    first, second = (check_number(f"{name}[{i}]", beta, 0, 1, open_high=True) for i, beta in enumerate(value))
    return first, second


# Every hyper-parameter of every optimizer, and what it may be. The names are torch's.
HYPERPARAMETERS: dict[str, Callable[[str, Any], Any]] = {
    "lr": _rate,
    "betas": _betas,
    "eps": check_number,
    "weight_decay": check_number,
    "momentum": check_number,
    "dampening": check_number,
    "alpha": check_number,
    "lr_decay": check_number,
    "momentum_decay": check_number,
    "initial_accumulator_value": check_number,
    "nesterov": check_flag,
    "maximize": check_flag,
    "amsgrad": check_flag,
    "centered": check_flag,
    "decoupled_weight_decay": check_flag,
}


def native_hyperparameters(values: Mapping[str, Any], lr: float) -> dict[str, Any]:
    """The hyper-parameters as the kernels name them; what only shapes the choice of kernel is left out."""
    native = {
        key: value
        for key, value in values.items()
        if key not in ("betas", "amsgrad", "centered", "initial_accumulator_value")
    }
    if "betas" in values:
        native["beta1"], native["beta2"] = values["betas"]
    return native | {"lr": lr}


class ParamGroup(MutableMapping[str, Any]):
    """Hyper-parameters of a group of parameters: a mapping whose values can be set, and are checked when set.

    "params" holds the arrays (and "param_names" their names, where they have any); these two are fixed.

    >>> import numpy as np
    >>> from sprat import optim
    >>> group = optim.SGD([np.zeros(2)], lr=0.1).param_groups[0]
    >>> group["lr"] = 0.01
    >>> group["lr"] = -1
    Traceback (most recent call last):
        ...
    ValueError: lr: wanted a finite number of at least 0, got -1
    """

    def __init__(self, values: dict[str, Any], fixed: dict[str, Any], check: Callable[[dict[str, Any]], None]):
        self._values = {key: HYPERPARAMETERS[key](key, value) for key, value in values.items()}
        self.fixed = fixed
        self._check = check  # what the optimizer asks of several values together
        self.plan: _core.OptimizerPlan | None = None  # to be told of what is set
        check(self._values)

    def __getitem__(self, key: str) -> Any:
        return self.fixed[key] if key in self.fixed else self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self._values:
            what = "is fixed" if key in self.fixed else f"is none of {', '.join(self._values)}"
            raise KeyError(f"param_groups: {key!r} {what}")
        values = self._values | {key: HYPERPARAMETERS[key](key, value)}
        self._check(values)
        self._values = values
        if self.plan is not None:
            self.plan.outdated = True

    def __delitem__(self, key: str) -> None:
        raise TypeError("param_groups: hyper-parameters can be set, not deleted")

    def __iter__(self) -> Iterator[str]:
        yield from self.fixed
        yield from self._values

    def __len__(self) -> int:
        return len(self.fixed) + len(self._values)

    def __repr__(self) -> str:
        return f"ParamGroup({self._values})"

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The values that can be set."""
        return self._values


def is_model(params: object) -> bool:
    """Whether these are the parameters of a sprat model."""
    return hasattr(params, "_structure_version")


def named_arrays(name: str, params: Any) -> list[tuple[str | None, Array]]:
    """(name or None, array) of each array in a list, dict or other iterable of arrays."""
    if isinstance(params, Mapping):
        pairs: list[tuple[str | None, Array]] = []
        for key, array in params.items():
            if not isinstance(key, str):
                raise TypeError(f"{name}: names: wanted strings, got {key!r}")
            pairs.append((key, array))
    elif isinstance(params, np.ndarray | str) or not isinstance(params, Iterable):
        kind = "one array" if isinstance(params, np.ndarray) else type(params).__name__
        raise TypeError(f"{name}: wanted a list or dict of arrays, a model, or a list of groups, got {kind}")
    else:
        pairs = [(None, array) for array in params]
    if not pairs:
        raise ValueError(f"{name}: wanted at least one array, got none")
    return pairs


def split_groups(params: Any) -> list[tuple[list[tuple[str | None, Array]], dict[str, Any]]]:
    """The arrays and the own hyper-parameters of each group, from any form that ``params`` may have."""
    if is_model(params):
        return [(list(params.parameters().items()), {})]
    if not isinstance(params, (Mapping, np.ndarray, str)) and isinstance(params, Iterable):
        params = list(params)
        if params and all(isinstance(group, Mapping) for group in params):
            return [split_group(group) for group in params]
    return [(named_arrays("params", params), {})]


def split_group(group: Any) -> tuple[list[tuple[str | None, Array]], dict[str, Any]]:
    """The arrays and the own hyper-parameters of one group in torch's form."""
    if not isinstance(group, Mapping) or "params" not in group:
        raise TypeError("params: a group: wanted a dict with an entry 'params'")
    own = {key: value for key, value in group.items() if key != "params"}
    return named_arrays("params", group["params"]), own


def label(parameter: Parameter, index: int) -> str:
    """What stands behind "params" or "grads" in messages: [0] or ['weight']."""
    return f"[{index}]" if parameter.name is None else f"[{parameter.name!r}]"


def per_parameter(what: str, values: Any, parameters: list[Parameter]) -> list[Any]:
    """The entry of each parameter in a list or dict that may leave some out (None)."""
    if values is None:
        return [None] * len(parameters)
    if isinstance(values, Mapping):
        names = {parameter.name for parameter in parameters}
        unknown = [key for key in values if key not in names]
        if unknown:
            raise ValueError(f"{what}: there is no parameter {unknown[0]!r}")
        return [values.get(parameter.name) for parameter in parameters]
    if isinstance(values, np.ndarray) or not isinstance(values, Iterable):
        raise TypeError(f"{what}: wanted a list or dict of arrays, got {type(values).__name__}")
    entries = list(values)
    if len(entries) != len(parameters):
        raise ValueError(f"{what}: wanted {len(parameters)} entries, one for each parameter, got {len(entries)}")
    return entries
