"""The loss of a student that learns from a teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray

from ..._check import check_number, check_positive
from ._base import Loss, get
from .classification import CrossEntropy

__all__ = ["Distillation"]


@dataclass(frozen=True)
class Distillation(Loss):
    """The loss of knowledge distillation (Hinton, Vinyals & Dean 2015).

    alpha T^2 KL(softmax(teacher / T) || softmax(output / T)) + (1 - alpha) hard(output, target)

    The factor T^2 keeps the gradient of the soft part, which shrinks as 1 / T^2, in balance with the hard part. With
    bce_with_logits as the hard loss, sigmoid stands for softmax, column by column. With mse, mae or huber the soft part
    is the same loss against the teacher's outputs, and the temperature plays no role.

    Parameters
    ----------
    temperature : float
        T, above 0. By default 4, in the middle of the 2.5 to 20 that the paper tried.
    alpha : float
        The teacher's share, in [0, 1]; 0.5 by default. With 1 the targets are not read and may be None.
    hard : Loss or str
        The loss against the targets, with its own options; they do not act on the soft part. Cross-entropy by default.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> loss = losses.Distillation(temperature=2.0, alpha=1.0)
    >>> value, grad = loss([[2.0, 0.0]], None, teacher=[[0.0, 2.0]])
    >>> round(value, 6), grad.round(6)
    (1.848469, array([[ 0.924234, -0.924234]]))
    """

    name: ClassVar[str] = "distillation"
    temperature: float = 4.0
    alpha: float = 0.5
    hard: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        temperature = check_positive("temperature", self.temperature)
        alpha = check_number("alpha", self.alpha, 0, 1)
        hard = get(self.hard)
        if not isinstance(hard, Loss) or isinstance(hard, Distillation):
            raise TypeError(f"hard: wanted a loss of sprat.nn.losses, got {type(hard).__name__}")
        self._store(temperature=temperature, alpha=alpha, hard=hard)

    def native_options(self, dtype: Any) -> dict[str, Any]:
        return self.hard.native_options(dtype) | {"temperature": self.temperature, "alpha": self.alpha}

    def native_target(self, target: ArrayLike, rows: int, columns: int, dtype: Any) -> NDArray[Any]:
        return self.hard.native_target(target, rows, columns, dtype)

    def __call__(
        self,
        output: ArrayLike,
        target: ArrayLike | None,
        sample_weight: ArrayLike | None = None,
        *,
        teacher: ArrayLike | None = None,
    ) -> tuple[float, NDArray[Any]]:
        """The mean loss and its gradient, as every loss, with the raw outputs of the teacher, (rows, columns)."""
        if teacher is None:
            raise TypeError("teacher: wanted the teacher's raw outputs of the same rows, got None")
        return self._compute(output, target, sample_weight, teacher)
