"""One training step for loops of your own: forward, loss, backward and update in one native call."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .._check import MAX_SEED, check_count
from ..nn import losses
from .gradients import gradient_order
from .native import NativeSteps, is_native


class Step:
    """One update of a model by a mini-batch: ``loss = step(x, y)``.

    Everything that does not depend on the batch is looked at once; masks, frozen parameters, layers and hyper-parameters
    that were edited since the last step are followed. The bits are those of ``model.loss_and_gradients`` and
    ``optimizer.step``, one after the other; of a small network the step takes a third of the time.

    Parameters
    ----------
    model : nn.MLP
        Trained in place.
    optimizer : optim.Optimizer
        Of the model, or of arrays that are its trainable parameters.
    loss : str, loss object or callable
        See :mod:`sprat.nn.losses`.
    seed : int
        Dropout is a function of (seed, ``optimizer.step_count``), so that a loop goes on with the same bits from
        ``optimizer.state_dict()``.

    Attributes
    ----------
    gradients : Gradients or None
        Of the last batch, by parameter name, before clipping; written again by the next step.

    Notes
    -----
    What a NaN or infinity among the gradients does, the optimizer decides (its ``nonfinite``); :func:`sprat.fit` looks
    closer. Arrays that are C-contiguous and of the model's dtype (class ids: int64) take the short way; others are
    converted first. Beyond about a microsecond a step runs without the GIL; it is one at a time.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(32, 4)).astype(np.float32)
    >>> y = (x[:, 0] > x[:, 1]).astype(np.int64)
    >>> model = sprat.nn.MLP([4, 16, 2], seed=0)
    >>> step = sprat.training.Step(model, sprat.optim.Adam(model, lr=0.01), loss="cross_entropy")
    >>> first = step(x, y)
    >>> for _ in range(100):
    ...     loss = step(x, y)
    >>> loss < 0.1 * first
    True
    """

    def __init__(self, model: Any, optimizer: Any, *, loss: Any = "cross_entropy", seed: int = 0) -> None:
        if not hasattr(model, "loss_and_gradients"):
            raise TypeError(f"model: wanted an nn.MLP, got a {type(model).__name__}")
        if not hasattr(optimizer, "step"):
            raise TypeError(f"optimizer: wanted an optimizer, got a {type(optimizer).__name__}")
        self.model, self.optimizer, self.loss = model, optimizer, losses.get(loss)
        self._seed = check_count("seed", seed, 0, MAX_SEED)
        self.gradients: Any = None
        gradient_order(model, optimizer)
        self._native = NativeSteps(model, optimizer, self.loss) if is_native(model, optimizer, self.loss) else None

    def __call__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None,
        sample_weight: npt.ArrayLike | None = None,
        teacher: npt.ArrayLike | None = None,
    ) -> float:
        """Take one step.

        Parameters
        ----------
        x : array_like (rows, in_features)
        y : array_like
            As for ``model.loss_and_gradients``: class ids (rows,), or numbers (rows, out_features), or (rows,) when there
            is one output. May be None for ``Distillation(alpha=1)``.
        sample_weight : array_like (rows,), optional
        teacher : array_like (rows, out_features), optional
            Raw outputs to imitate, for ``losses.Distillation``.

        Returns
        -------
        float
            The mean loss of the batch before the update.

        Raises
        ------
        TypeError, ValueError
            One line that names the argument. Nothing has changed then; nor where the optimizer refuses the gradients.
        """
        native, optimizer, model = self._native, self.optimizer, self.model
        if native is None or model.input_quant is not None:
            return self._in_two_calls(x, y, sample_weight, teacher)
        if native.is_stale():
            native.refresh()
            self.gradients = native.gradients
        optimizer._set_rates()
        loss = native.plan.step(x, y, sample_weight, teacher, self._seed)
        if type(loss) is float:
            return loss
        if loss is None:  # arrays that have to be converted, or arguments that are wrong
            return self._in_two_calls(x, y, sample_weight, teacher)
        optimizer.step()  # which knows what it makes of gradients that are not finite
        return float(loss[0])

    def _in_two_calls(self, x: Any, y: Any, sample_weight: Any, teacher: Any) -> float:
        model, optimizer = self.model, self.optimizer
        order = gradient_order(model, optimizer)
        out = self.gradients
        if out is not None and not out.fits(model._layout, model._trainable, model._place):
            out = None
        loss, gradients = model.loss_and_gradients(
            x,
            y,
            loss=self.loss,
            sample_weight=sample_weight,
            teacher=teacher,
            dropout_seed=self._seed,
            step=optimizer.step_count,
            out=out,
        )
        self.gradients = gradients
        optimizer.step(gradients.flat if order is None else [gradients[name] for name in order])
        return float(loss)
