"""What all optimizers share: parameters, groups, the step, and what happens around it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from .. import _core
from . import _binding, _groups, _rebind
from ._groups import Array, Parameter, ParamGroup
from ._rebind import IndexMap
from .schedules import Schedule
from .schedules._base import number

_KERNELS = _core.optimizers()


class Options(TypedDict, total=False):
    """Keyword arguments that every optimizer takes: see `Optimizer`."""

    clip_norm: float | None
    clip_value: float | None
    masks: Any
    ema_decay: float | None
    nonfinite: Literal["propagate", "skip", "raise"]


class Optimizer:
    """Base of the optimizers: use `SGD`, `Adam` and their like.

    Parameters
    ----------
    params : list of arrays, dict of name to array, sprat model, or list of groups
        What to update, in place: C-contiguous, aligned, writable float32 or float64 arrays, mixed as you
        like, that share no memory. Of a model: its parameters that are not frozen, under their names, with
        its masks. A group is a dict with an entry "params" and its own hyper-parameters, as in torch.
    defaults : dict
        Hyper-parameters of the groups that do not set their own. "lr" is a number or a
        `schedules.Schedule`, which is evaluated at `step_count`.
    clip_norm : float, optional
        Before the update, all gradients are multiplied by min(1, clip_norm / (norm + 1e-6)), where norm is
        the 2-norm of all of them together (``torch.nn.utils.clip_grad_norm_``). Its bits depend on the
        gradients and their order alone.
    clip_value : float, optional
        Then every element is clamped to [-clip_value, clip_value].
    masks : list or dict of uint8 or bool arrays, optional
        Shape of the parameter; where a mask is 0, the parameter, its states and its average are set to +0
        by each step. Entries may be None. Default: the model's masks, else none.
    ema_decay : float, optional
        Keep a moving average of every parameter, ema = ema_decay * ema + (1 - ema_decay) * param after each
        step, that starts as a copy of it: see `ema` and `swap_ema`.
    nonfinite : {"propagate", "skip", "raise"}
        What a NaN or infinity among the gradients does. "propagate": it goes through the update, as in torch.
        "skip": the step changes nothing, returns False and adds one to `skipped_steps`. "raise":
        ValueError, and nothing is changed.

    Notes
    -----
    Results depend on the values alone, not on the number of threads, the instruction set, or how parameters
    are cut into arrays. They follow torch.optim to a few units in the last place per step; not bit for bit,
    because torch's compiler fuses products and sums, and Adam's update is arranged to need one division
    less. A state below the normal range of its dtype becomes 0: decaying averages would otherwise end in
    denormal numbers, which slow many CPUs down, and never leave them.

    Examples
    --------
    >>> import numpy as np
    >>> from sprat import optim
    >>> w, b = np.ones((2, 3)), np.zeros(3)
    >>> groups = [{"params": [w], "weight_decay": 0.1}, {"params": [b]}]
    >>> optimizer = optim.AdamW(groups, lr=optim.schedules.Cosine(0.1, steps=100), clip_norm=1.0)
    >>> optimizer.step([np.ones_like(w), np.ones_like(b)])
    True
    >>> optimizer.step_count, optimizer.grad_norm
    (1, 3.0)
    """

    def __init__(self, params: Any, defaults: dict[str, Any], **options: Unpack[Options]) -> None:
        self._defaults = defaults
        self._set_options(**options)
        self._model: Any = params if _groups.is_model(params) else None
        self._named = self._model is not None or isinstance(params, Mapping)
        self._masks = options.get("masks")
        parameters: list[Parameter] = []
        groups: list[ParamGroup] = []
        for arrays, own in _groups.split_groups(params):
            self._append_group(groups, parameters, arrays, own)
        self._attach(groups, parameters, step_count=0)
        self.skipped_steps = 0  # refused for a gradient that was not finite

    # ---- what each optimizer defines

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

    # ---- the step

    def step(self, grads: Any = None) -> bool:
        """Update every parameter once, in place.

        Parameters
        ----------
        grads : list or dict of arrays, or one flat array, optional
            The gradients: for each parameter an array of its shape and dtype, or None to leave the
            parameter as it is; or all of them end to end in one array (in the layout of ``model.params``
            for a model). Default: those given to `bind` or to the last step.

        Returns
        -------
        bool
            False if the step was skipped, see `nonfinite`.

        Raises
        ------
        TypeError, ValueError
            If a gradient does not fit. Nothing is changed then.

        Examples
        --------
        >>> import numpy as np
        >>> from sprat import optim
        >>> w = np.ones(3)
        >>> optimizer = optim.SGD({"w": w}, lr=0.5)
        >>> optimizer.step({"w": np.array([1.0, 2.0, 0.0])})
        True
        >>> w
        array([0.5, 0. , 1. ])
        """
        self._refresh()
        plan = self._plan
        for index, schedule in self._scheduled:
            plan.set_group(index, {"lr": schedule(plan.step_count)})
        return plan.step(grads) or self._refuse_nonfinite()

    def bind(self, grads: Any) -> None:
        """Take the gradients of the steps to come, so that ``step()`` need not look at them again.

        The arrays are borrowed, not copied: fill them anew before each step.

        >>> import numpy as np
        >>> from sprat import optim
        >>> w, grad = np.zeros(2), np.ones(2)
        >>> optimizer = optim.SGD([w], lr=1.0)
        >>> optimizer.bind([grad])
        >>> optimizer.step(), optimizer.step()
        (True, True)
        >>> w
        array([-2., -2.])
        """
        self._refresh()
        self._plan.bind(grads)

    @property
    def step_count(self) -> int:
        """Whole steps made so far; what a schedule is evaluated at."""
        return self._plan.step_count

    @property
    def grad_norm(self) -> float | None:
        """2-norm of all gradients of the last step before clipping; None unless `clip_norm` is on."""
        norm = self._plan.grad_norm
        return None if math.isnan(norm) and self.clip_norm is None else norm

    @property
    def lr(self) -> float:
        """The learning rate of the next step (of the first group). Setting it sets it for every group."""
        return self._rate(self._groups[0])

    @lr.setter
    def lr(self, value: float | Schedule) -> None:
        checked = _groups.HYPERPARAMETERS["lr"]("lr", value)
        for group in self._groups:
            group["lr"] = checked

    @property
    def param_groups(self) -> list[ParamGroup]:
        """The groups: mappings of hyper-parameters that may be set between steps."""
        return list(self._groups)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with hyper-parameters of their own: a dict with an entry "params", as in torch.

        >>> import numpy as np
        >>> from sprat import optim
        >>> optimizer = optim.SGD([np.zeros(2)], lr=0.1)
        >>> optimizer.add_param_group({"params": [np.zeros(3)], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if self._model is not None:
            raise TypeError("add_param_group: the parameters of this optimizer are those of its model")
        arrays, own = _groups.split_group(group)
        groups, parameters = list(self._groups), self._progressed()
        self._append_group(groups, parameters, arrays, own)
        self._attach(groups, parameters, self.step_count)

    def rebind(
        self,
        params: Any = None,
        index_maps: Mapping[str, IndexMap] | None = None,
        *,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Go on with parameters whose arrays were replaced: states, averages and masks follow them.

        Parameters
        ----------
        params : model or dict of arrays, optional
            The parameters as they are now. Default: those of the model the optimizer was made with.
        index_maps : dict of name to sequence, optional
            For a parameter that was cut down: for each axis the indices that were kept, or None for all of
            them. Its states and its average are cut the same way.
        renamed : dict of new name to old name, optional
            For a parameter that has the states of one with another name.

        Notes
        -----
        A parameter that comes from none, or whose shape changed without an index map, begins with new
        states and counts its own steps from there; `step_count`, and so the schedule, goes on.

        Examples
        --------
        >>> import numpy as np
        >>> from sprat import optim
        >>> optimizer = optim.Adam({"w": np.zeros((2, 3))})
        >>> optimizer.step({"w": np.arange(6.0).reshape(2, 3)})
        True
        >>> optimizer.rebind({"w": np.zeros((2, 2))}, {"w": (None, [0, 2])})
        >>> optimizer.state["w"]["exp_avg"]
        array([[0. , 0.2],
               [0.3, 0.5]])
        """
        if not self._named:
            raise TypeError("rebind: wants named parameters (a model or a dict)")
        model = self._model if params is None else params
        if _groups.is_model(model) is (self._model is None):
            raise TypeError("rebind: wanted parameters of the kind that the optimizer was made with")
        ((arrays, _),) = _groups.split_groups(model)
        parameters = _rebind.follow(self._progressed(), arrays, index_maps or {}, renamed or {})
        fixed = {"params": [array for _, array in arrays], "param_names": [name for name, _ in arrays]}
        group = ParamGroup(self._groups[0].hyperparameters, fixed, self._check)
        before, self._model = self._model, model if self._model is not None else None
        try:
            self._attach([group], parameters, self.step_count)
        except BaseException:
            self._model = before
            raise

    @property
    def state(self) -> Any:
        """What is kept for each parameter: list, or dict by name, of dicts of arrays under torch's names."""
        return self._shaped([dict(parameter.states) for parameter in self._parameters])

    # ---- moving averages

    @property
    def ema(self) -> Any:
        """Moving averages of the parameters: list or dict of arrays as the parameters were given, or None."""
        if self.ema_decay is None:
            return None
        return self._shaped([parameter.ema for parameter in self._parameters])

    @contextmanager
    def swap_ema(self) -> Iterator[None]:
        """Inside the ``with`` block the parameters hold their moving averages, to evaluate or save them.

        >>> import numpy as np
        >>> from sprat import optim
        >>> w = np.zeros(2)
        >>> optimizer = optim.SGD([w], lr=1.0, ema_decay=0.75)
        >>> optimizer.step([np.ones(2)])
        True
        >>> with optimizer.swap_ema():
        ...     print(w)
        [-0.25 -0.25]
        >>> w
        array([-1., -1.])
        """
        if self.ema_decay is None:
            raise ValueError("swap_ema: this optimizer was made without ema_decay")
        plan = self._plan
        plan.swap_ema()
        try:
            yield
        finally:
            plan.swap_ema()

    # ---- inside

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
                number(name, value, open_low=True)
        if ema_decay is not None and number("ema_decay", ema_decay, 0.0, 1.0) == 1.0:
            raise ValueError("ema_decay must be below 1, got 1: the average would never move")
        if nonfinite not in ("propagate", "skip", "raise"):
            raise ValueError(f"nonfinite must be 'propagate', 'skip' or 'raise', got {nonfinite!r}")
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
            raise ValueError(
                f"params: a group has {unknown[0]!r}, which is none of {', '.join(self._defaults)}"
            )
        fixed: dict[str, Any] = {"params": [array for _, array in arrays]}
        if arrays[0][0] is not None:
            fixed["param_names"] = [name for name, _ in arrays]
        groups.append(ParamGroup(self._defaults | own, fixed, self._check))
        parameters += [Parameter(array, name, len(groups) - 1) for name, array in arrays]

    def _attach(self, groups: list[ParamGroup], parameters: list[Parameter], step_count: int) -> None:
        """Make these the parameters, with new states where some are missing. Checks all, then changes."""
        kernels = [self._kernel(group) for group in groups]
        _binding.set_masks(parameters, self._masks, self._model)
        for parameter in parameters:
            array, group = parameter.array, groups[parameter.group]
            shape, dtype = np.shape(array), getattr(array, "dtype", np.float32)
            parameter.states = {
                name: parameter.states[name]
                if name in parameter.states
                else _groups.aligned_full(shape, dtype, self._initial_state(name, group))
                for name in _KERNELS[kernels[parameter.group]]
            }
            if self.ema_decay is not None and parameter.ema is None:
                parameter.ema = _groups.aligned_full(shape, dtype, array)
        plan = _binding.make_plan(kernels, parameters, self._model, step_count, vars(self))
        self._version = None if self._model is None else self._model._structure_version
        self._groups, self._parameters, self._plan, self._kernels = groups, parameters, plan, kernels
        self._tell()

    def _refresh(self) -> None:
        """Follow what was set in the groups or edited in the model since the last step."""
        if self._model is not None and self._model._structure_version != self._version:
            self._follow_model()
        for group in self._groups:
            if group.changed:
                self._tell()
                return

    def _tell(self) -> None:
        for index, group in enumerate(self._groups):
            kernel = self._kernel(group)
            if kernel != self._kernels[index]:
                raise ValueError(
                    f"param_groups[{index}]: these values need other states ({kernel} instead of "
                    f"{self._kernels[index]}); make a new optimizer"
                )
            values = group.hyperparameters
            self._plan.set_group(index, _groups.native_hyperparameters(values, self._rate(group)))
        self._scheduled = [
            (index, group["lr"])
            for index, group in enumerate(self._groups)
            if isinstance(group["lr"], Schedule)
        ]
        for group in self._groups:
            group.changed = False

    def _follow_model(self) -> None:
        """Go on with new masks, frozen parameters or arrays. How layers were cut, only `rebind` is told."""
        now = self._model.parameters()
        for parameter in self._parameters:
            name = parameter.name
            if name in now and np.shape(now[name]) != np.shape(parameter.array):
                raise RuntimeError(
                    f"the model's {name!r} has changed its shape: call rebind(model, index_maps)"
                )
        self.rebind()

    def _rate(self, group: ParamGroup) -> float:
        lr = group["lr"]
        return lr(self.step_count) if isinstance(lr, Schedule) else lr

    def _progressed(self) -> list[Parameter]:
        """The parameters, with the steps they have made."""
        return [
            replace(parameter, step=step, mu_product=mu_product)
            for parameter, (step, mu_product) in zip(self._parameters, self._plan.progress(), strict=True)
        ]

    def _shaped(self, values: list[Any]) -> Any:
        """One value for each parameter, as a list or dict like the parameters."""
        if not self._named:
            return values
        return {parameter.name: value for parameter, value in zip(self._parameters, values, strict=True)}

    def _refuse_nonfinite(self) -> bool:
        if self.nonfinite == "raise":
            where, count = self._plan.nonfinite()[0]
            raise ValueError(f"grads{where}: {count} elements are NaN or infinite")
        self.skipped_steps += 1
        return False

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}(step_count={self.step_count}, skipped_steps={self.skipped_steps}"]
        for option in ("clip_norm", "clip_value", "ema_decay"):
            if getattr(self, option) is not None:
                lines[0] += f", {option}={getattr(self, option)}"
        for group in self._groups:
            sizes = [np.shape(array) for array in group["params"]]
            values = ", ".join(f"{key}={value!r}" for key, value in group.hyperparameters.items())
            lines.append(f"  {len(sizes)} parameters, {sum(map(math.prod, sizes))} elements: {values}")
        return "\n".join(lines) + ")"
