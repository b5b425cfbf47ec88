"""What all optimizers share: parameters, groups, the step, and what happens around it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Unpack

import numpy as np

from . import _binding, _groups, _rebind, _state_dict
from ._base import KERNELS, Base, Options
from ._groups import ParamGroup
from ._rebind import IndexMap
from .schedules import Schedule


class Optimizer(Base):
    """Base of the optimizers: use `SGD`, `Adam` and their like.

    Parameters
    ----------
    params : list of arrays, dict of name to array, sprat model, or list of groups
        What to update, in place: C-contiguous, aligned, writable float32 or float64 arrays, mixed as you
        like, that share no memory. Of a model: its parameters under their names, with its masks; while one is
        frozen it stays as it is. A group is a dict with an entry "params" and its own hyper-parameters, as
        in torch.
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
        by each step, and the gradient is not looked at. Entries may be None. Default: the model's masks,
        else none.
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
    because torch's compiler fuses products and sums, and Adam's update is arranged to need one division less.

    Denormal numbers slow many CPUs down, and decaying averages would end in them for ever. So gradients whose
    square (or, in `SGD`, whose product with a small rate) would be denormal count as 0, in float32 those
    below about 1e-18 (1e-30), and every 16th step sets what it writes below the normal range to 0.

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
        super().__init__(params, defaults, options)

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
        if self._model is not None and _binding.edited(self._model, self._seen):
            self._follow_model()
        plan = self._plan
        if self._scheduled:
            self._set_rates()
        done = plan.step(grads)
        if done is None:  # hyper-parameters were set since the last step
            self._tell()
            done = plan.step(grads)
        if done:
            return True
        if self.nonfinite == "raise":
            where, count = plan.nonfinite()[0]
            raise ValueError(f"grads{where}: {count} elements are NaN or infinite")
        self.skipped_steps += 1
        return False

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
        if len(self._groups) > 1 or _groups.is_model(model) is (self._model is None):
            raise TypeError("rebind: wanted parameters of the kind that the optimizer was made with")
        ((arrays, _),) = _groups.split_groups(model)
        parameters = _rebind.follow(self._progressed(), arrays, index_maps or {}, renamed or {})
        if _groups.is_model(model):
            _binding.follow_model(parameters, model, masks=not self._own_masks)
        fixed = {"params": [array for _, array in arrays], "param_names": [name for name, _ in arrays]}
        group = ParamGroup(self._groups[0].hyperparameters, fixed, self._check)
        before = self._model
        if before is not None:
            self._model = model
        try:
            self._attach([group], parameters, self.step_count)
        except BaseException:
            self._model = before
            raise

    @property
    def state(self) -> Any:
        """What is kept for each parameter: list, or dict by name, of dicts of arrays under torch's names."""
        return self._shaped([dict(parameter.states) for parameter in self._parameters])

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs beside the parameters, in torch's layout; arrays are copies.

        Returns
        -------
        dict
            "state": index of the parameter -> {"step": 0-d array, "exp_avg": array, ...}, without parameters that
            never made a step. "param_groups": list of hyper-parameters and "params", the indices; a
            schedule is there as its current rate and its configuration "lr_schedule". "sprat": what torch
            has not: step_count, skipped_steps, moving averages. With its arrays as tensors, torch's
            optimizers load it.

        Examples
        --------
        >>> import numpy as np
        >>> from sprat import optim
        >>> optimizer = optim.Adam([np.zeros(2)])
        >>> optimizer.step([np.ones(2)])
        True
        >>> optimizer.state_dict()["state"][0]["exp_avg"]
        array([0.1, 0.1])
        """
        return _state_dict.pack(
            self._groups,
            self._progressed(),
            step_count=self.step_count,
            skipped_steps=self.skipped_steps,
            keeps_mu_product=self._keeps_mu_product,
        )

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of this package or of torch: its hyper-parameters, states and steps.

        Raises
        ------
        TypeError, ValueError, FormatError
            If anything in it does not fit this optimizer and its parameters. Nothing is changed then.

        Notes
        -----
        Arrays are copied and take the parameter's dtype; torch tensors in CPU memory will do. A state dict
        without moving averages makes them begin again, as copies of the parameters. torch's SGD counts no
        steps: its schedule would begin again.

        Examples
        --------
        >>> import numpy as np
        >>> from sprat import optim
        >>> first, second = optim.Adam([np.zeros(2)]), optim.Adam([np.zeros(2)])
        >>> first.step([np.ones(2)])
        True
        >>> second.load_state_dict(first.state_dict())
        >>> second.step_count
        1
        """
        found = _state_dict.unpack(
            state_dict,
            self._groups,
            self._progressed(),
            states_of=lambda values: KERNELS[self._kernel(values)],
            keeps_mu_product=self._keeps_mu_product,
        )
        groups = [
            ParamGroup(values, group.fixed, self._check)
            for values, group in zip(found.hyperparameters, self._groups, strict=True)
        ]
        self._attach(groups, found.parameters, found.step_count)
        self.skipped_steps = found.skipped_steps

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
