"""What lies behind an optimizer: its groups and parameters, and the native plan that borrows their arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypedDict

import numpy as np

from .. import _core
from .._check import check_number
from . import _binding
from ._groups import Array, Parameter, ParamGroup, is_model, native_hyperparameters, split_groups
from .schedules import Schedule

KERNELS = _core.optimizers()


class Options(TypedDict, total=False):
    """Keyword arguments that every optimizer takes: see `Optimizer`."""

    clip_norm: float | None
    clip_value: float | None
    masks: Any
    ema_decay: float | None
    nonfinite: Literal["propagate", "skip", "raise"]


class Base:
    """Parameters and their plan, always in step with each other: whatever replaces them replaces all at once."""

    def __init__(self, params: Any, defaults: dict[str, Any], options: Options) -> None:
        self._defaults = defaults
        self._set_options(**options)
        self._model: Any = params if is_model(params) else None
        self._named = self._model is not None or isinstance(params, Mapping)
        self._scheduled: list[tuple[int, Schedule]] = []
        groups: list[ParamGroup] = []
        parameters: list[Parameter] = []
        for arrays, own in split_groups(params):
            self._append_group(groups, parameters, arrays, own)
        self._own_masks = options.get("masks") is not None
        _binding.set_masks(parameters, options.get("masks"))
        if self._model is not None:
            _binding.follow_model(parameters, self._model, masks=not self._own_masks)
        self._attach(groups, parameters, step_count=0)
        self.skipped_steps = 0  # refused for a gradient that was not finite

    # ---- what each optimizer defines

    _keeps_mu_product = False

    @staticmethod
    def _kernel(group: Mapping[str, Any]) -> str:
        """The name of the native kernel for these hyper-parameters."""
        raise NotImplementedError

    @staticmethod
    def _check(values: Mapping[str, Any]) -> None:
        """Refuses hyper-parameters that do not fit together."""

    @staticmethod
    def _initial_state(name: str, group: Mapping[str, Any]) -> float:
        """What a state is filled with before the first step."""
        return 0.0

    # ---- making and replacing

    def _set_options(
        self,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        masks: Any = None,
        ema_decay: float | None = None,
        nonfinite: str = "propagate",
    ) -> None:
        for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if value is not None:
                check_number(name, value, open_low=True)
        if ema_decay is not None:
            check_number("ema_decay", ema_decay, 0, 1, open_high=True)  # at 1 the average would never move
        if nonfinite not in ("propagate", "skip", "raise"):
            raise ValueError(f"nonfinite: wanted 'propagate', 'skip' or 'raise', got {nonfinite!r}")
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.ema_decay, self.nonfinite = ema_decay, nonfinite

    def _append_group(
        self,
        groups: list[ParamGroup],
        parameters: list[Parameter],
        arrays: list[tuple[str | None, Array]],
        own: dict[str, Any],
    ) -> None:
        unknown = [key for key in own if key not in self._defaults]
        if unknown:
            raise ValueError(f"params: a group has {unknown[0]!r}, which is none of {', '.join(self._defaults)}")
        fixed: dict[str, Any] = {"params": [array for _, array in arrays]}
        if arrays[0][0] is not None:
            fixed["param_names"] = [name for name, _ in arrays]
        groups.append(ParamGroup(self._defaults | own, fixed, self._check))
        parameters += [Parameter(array, name, len(groups) - 1) for name, array in arrays]

    def _attach(self, groups: list[ParamGroup], parameters: list[Parameter], step_count: int) -> None:
        """Make these the parameters, with new states where some are missing. Checks all, then changes."""
        kernels = [self._kernel(group) for group in groups]
        _binding.check_arrays(parameters)
        for parameter in parameters:
            array, group = parameter.array, groups[parameter.group]
            parameter.states = {
                name: parameter.states[name]
                if name in parameter.states
                else _binding.placed(array, place, self._initial_state(name, group))
                for place, name in enumerate(KERNELS[kernels[parameter.group]], 1)
            }
            if self.ema_decay is not None and parameter.ema is None:
                parameter.ema = _binding.placed(array, _binding.EMA_PLACE, array)
        plan = _binding.make_plan(kernels, parameters, self._model, step_count)
        plan.set_options(
            self.clip_norm or 0.0,
            self.clip_value or 0.0,
            self.ema_decay or 0.0,
            self.nonfinite != "propagate",
        )
        seen = None if self._model is None else _binding.edits(self._model)
        self._seen, self._groups, self._parameters, self._plan, self._kernels = (
            seen,
            groups,
            parameters,
            plan,
            kernels,
        )
        self._tell()

    # ---- keeping in step

    def _refresh(self) -> None:
        """Follow what was set in the groups or edited in the model since the last step."""
        if self._model is not None and _binding.edited(self._model, self._seen):
            self._follow_model()
        if self._plan.outdated:
            self._tell()

    def _tell(self) -> None:
        """Tell the plan the hyper-parameters."""
        for index, group in enumerate(self._groups):
            kernel = self._kernel(group)
            if kernel != self._kernels[index]:
                raise ValueError(
                    f"param_groups[{index}]: these values need other states ({kernel} instead of "
                    f"{self._kernels[index]}); make a new optimizer"
                )
            self._plan.set_group(index, native_hyperparameters(group.hyperparameters, self._rate(group)))
        rates = [(index, group["lr"]) for index, group in enumerate(self._groups)]
        self._scheduled = [(index, lr) for index, lr in rates if isinstance(lr, Schedule)]
        for group in self._groups:
            group.plan = self._plan
        self._plan.outdated = False

    def _set_rates(self) -> None:
        """Tell the plan what the schedules say of the next step."""
        plan = self._plan
        for index, schedule in self._scheduled:
            plan.set_lr(index, schedule(plan.step_count))

    def _follow_model(self) -> None:
        """Go on with new masks, frozen parameters or arrays. How layers were cut, only `rebind` is told."""
        now = self._model.parameters()
        for parameter in self._parameters:
            name = parameter.name
            if name in now and np.shape(now[name]) != np.shape(parameter.array):
                raise RuntimeError(f"the model's {name!r} has changed its shape: call rebind(model, index_maps)")
        self.rebind()

    def rebind(self) -> None:
        raise NotImplementedError

    def _rate(self, group: ParamGroup) -> float:
        lr: float | Schedule = group["lr"]
        return lr(self._plan.step_count) if isinstance(lr, Schedule) else lr

    def _progressed(self) -> list[Parameter]:
        """Copies of the parameters' records, with the steps they have made."""
        return [
            replace(parameter, step=step, mu_product=mu_product)
            for parameter, (step, mu_product) in zip(self._parameters, self._plan.progress(), strict=True)
        ]

    def _shaped(self, values: list[Any]) -> Any:
        """One value for each parameter, as a list or dict like the parameters."""
        if not self._named:
            return values
        return {parameter.name: value for parameter, value in zip(self._parameters, values, strict=True)}
