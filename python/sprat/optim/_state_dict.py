"""An optimizer's state in torch's layout, and back: everything is checked before anything is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _device
from . import schedules
from ._binding import EMA_PLACE, placed
from ._groups import HYPERPARAMETERS, Array, Parameter, ParamGroup
from .schedules import Schedule

VERSION = 1
# What torch writes into a group and this package has no use for.
_TORCH_ONLY = frozenset({"foreach", "fused", "capturable", "differentiable", "param_names"})
_LARGEST_STEP = 2**53


def pack(
    groups: Sequence[ParamGroup],
    parameters: Sequence[Parameter],
    *,
    step_count: int,
    skipped_steps: int,
    keeps_mu_product: bool,
) -> dict[str, Any]:
    """The state dict. Arrays are copies; a parameter that never made a step has no entry, as in torch."""
    state = {}
    for index, parameter in enumerate(parameters):
        if parameter.step:
            state[index] = {"step": np.array(float(parameter.step))}
            if keeps_mu_product:
                state[index]["mu_product"] = np.array(parameter.mu_product)
            state[index] |= {name: _device.host_copy(array) for name, array in parameter.states.items()}
    packed = []
    for number, group in enumerate(groups):
        entry = dict(group.hyperparameters)
        if isinstance(entry["lr"], Schedule):
            entry |= {"lr": entry["lr"](step_count), "lr_schedule": entry["lr"].config()}
        entry["params"] = [index for index, parameter in enumerate(parameters) if parameter.group == number]
        if "param_names" in group:
            entry["param_names"] = list(group["param_names"])
        packed.append(entry)
    own: dict[str, Any] = {"version": VERSION, "step_count": step_count, "skipped_steps": skipped_steps}
    if parameters[0].ema is not None:
        own["ema"] = {index: _device.host_copy(parameter.ema) for index, parameter in enumerate(parameters)}
    return {"state": state, "param_groups": packed, "sprat": own}


@dataclass
class Unpacked:
    """A state dict that fits: what an optimizer goes on with."""

    hyperparameters: list[dict[str, Any]]  # of each group
    parameters: list[Parameter]
    step_count: int
    skipped_steps: int


def unpack(
    state_dict: Any,
    groups: Sequence[ParamGroup],
    parameters: Sequence[Parameter],
    *,
    states_of: Any,
    keeps_mu_product: bool,
) -> Unpacked:
    """Check a state dict against an optimizer. ``states_of(hyperparameters)`` names the states of a group.

    Raises TypeError or ValueError with one line that names the first thing that is wrong.
    """
    top = _mapping("state_dict", state_dict)
    for key in ("state", "param_groups"):
        if key not in top:
            raise ValueError(f"state_dict: {key!r} is missing")
    saved_groups = top["param_groups"]
    if not isinstance(saved_groups, list | tuple) or len(saved_groups) != len(groups):
        raise ValueError(f"state_dict['param_groups']: wanted a list of {len(groups)} groups")
    hyperparameters = []
    index_of: dict[Any, int] = {}
    for number, (group, saved) in enumerate(zip(groups, saved_groups, strict=True)):
        where = f"state_dict['param_groups'][{number}]"
        hyperparameters.append(_hyperparameters(where, _mapping(where, saved), group))
        own = [index for index, parameter in enumerate(parameters) if parameter.group == number]
        ids = saved.get("params")
        if not isinstance(ids, list | tuple) or len(ids) != len(own):
            raise ValueError(f"{where}['params']: wanted a list of {len(own)} parameters")
        index_of.update(zip(ids, own, strict=True))
    if len(index_of) != len(parameters):
        raise ValueError("state_dict['param_groups']: a parameter appears twice")

    saved_states = _mapping("state_dict['state']", top["state"])
    by_index = {}
    for identity in saved_states:
        if identity not in index_of:
            raise ValueError(f"state_dict['state']: there is no parameter {identity!r}")
        by_index[index_of[identity]] = saved_states[identity]
    fresh = [
        _parameter(
            f"state_dict['state'][{index}]",
            by_index.get(index),
            parameter,
            states_of(hyperparameters[parameter.group]),
            keeps_mu_product,
        )
        for index, parameter in enumerate(parameters)
    ]

    own_part = _mapping("state_dict['sprat']", top.get("sprat", {}))
    if own_part and own_part.get("version") != VERSION:
        raise ValueError(f"state_dict['sprat']: version {own_part.get('version')!r} is unknown, wanted {VERSION}")
    steps = max(parameter.step for parameter in fresh)
    step_count = _count("state_dict['sprat']['step_count']", own_part.get("step_count", steps))
    skipped = _count("state_dict['sprat']['skipped_steps']", own_part.get("skipped_steps", 0))
    _averages(own_part.get("ema"), fresh, parameters)
    return Unpacked(hyperparameters, fresh, step_count, skipped)


def _hyperparameters(where: str, saved: Mapping[str, Any], group: ParamGroup) -> dict[str, Any]:
    values = dict(group.hyperparameters)
    for key, value in saved.items():
        if key in values:
            try:
                values[key] = HYPERPARAMETERS[key](key, value)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{where}: {error}") from None
        elif key not in _TORCH_ONLY and key not in ("params", "lr_schedule"):
            raise ValueError(f"{where}: {key!r} is none of {', '.join(values)}")
    if saved.get("lr_schedule") is not None:
        values["lr"] = schedules.from_config(saved["lr_schedule"])
    return values


def _parameter(where: str, saved: Any, parameter: Parameter, names: Sequence[str], keeps_mu_product: bool) -> Parameter:
    if not saved:  # None or empty: the parameter has made no step
        return replace(parameter, states={}, step=0, mu_product=1.0)
    entries = _mapping(where, saved)
    known = {*names, "step", *(("mu_product",) if keeps_mu_product else ())}
    for key in entries:
        if key not in known and entries[key] is not None:
            raise ValueError(f"{where}: {key!r} is none of {', '.join(sorted(known))}")
    if any(entries.get(name) is None for name in names):
        missing = next(name for name in names if entries.get(name) is None)
        if "step" in entries:
            raise ValueError(f"{where}: {missing!r} is missing")
        return replace(parameter, states={}, step=0, mu_product=1.0)  # torch's SGD before its first step
    states = {
        name: _array(f"{where}[{name!r}]", entries[name], parameter.array, place) for place, name in enumerate(names, 1)
    }
    # torch's SGD does not count its steps: that it has a buffer says that the first one lies behind it.
    step = _count(f"{where}['step']", entries.get("step", 1))
    mu_product = 1.0
    if keeps_mu_product:
        mu_product = _number(f"{where}['mu_product']", entries.get("mu_product"))
        if not 0.0 <= mu_product <= 1.0:
            raise ValueError(f"{where}['mu_product']: wanted a number from 0 to 1, got {mu_product}")
    return replace(parameter, states=states, step=step, mu_product=mu_product)


def _averages(saved: Any, fresh: list[Parameter], parameters: Sequence[Parameter]) -> None:
    """Give the parameters their moving averages; without any they begin again as copies of the parameters."""
    if saved is None:
        for parameter in fresh:
            parameter.ema = None
        return
    where = "state_dict['sprat']['ema']"
    if parameters[0].ema is None:
        raise ValueError(f"{where}: this optimizer was made without ema_decay")
    averages = _mapping(where, saved)
    for index, parameter in enumerate(fresh):
        if index not in averages:
            raise ValueError(f"{where}: {index} is missing")
        parameter.ema = _array(f"{where}[{index}]", averages[index], parameter.array, EMA_PLACE)


def _mapping(where: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{where}: wanted a dict, got {type(value).__name__}")
    return value


def _array(where: str, value: Any, like: Array, place: int) -> Array:
    """An own copy of `value` in the dtype of `like`, as its state number `place`."""
    array = np.asarray(_device.to_host(value))
    if array.dtype.kind != "f":
        raise TypeError(f"{where}: wanted an array of floats, got {array.dtype}")
    if array.shape != like.shape:
        raise ValueError(f"{where}: wanted shape {like.shape}, got {array.shape}")
    return placed(like, place, array)


def _number(where: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise TypeError(f"{where}: wanted a number, got {value!r}")
    return float(array.reshape(()))


def _count(where: str, value: Any) -> int:
    number = _number(where, value)
    if not (0 <= number <= _LARGEST_STEP and number == int(number)):
        raise ValueError(f"{where}: wanted a whole number of steps, got {number}")
    return int(number)
