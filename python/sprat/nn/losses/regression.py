"""Losses of numbers: squared, absolute, and Huber's mixture of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..._check import check_positive
from ._base import Loss

__all__ = ["MAE", "MSE", "Huber"]


@dataclass(frozen=True)
class MSE(Loss):
    """Mean squared error: torch.nn.MSELoss (no factor of one half).

    Examples
    --------
    >>> from sprat.nn import losses
    >>> losses.MSE()([[3.0]], [1.0])
    (4.0, array([[4.]]))
    """

    name: ClassVar[str] = "mse"

    def native_options(self, dtype: Any) -> dict[str, Any]:
        return {"loss": self.name}


@dataclass(frozen=True)
class MAE(Loss):
    """Mean absolute error: torch.nn.L1Loss. Its gradient is 0 where output and target agree.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> losses.MAE()([[3.0], [1.0]], [1.0, 1.0])
    (1.0, array([[0.5],
           [0. ]]))
    """

    name: ClassVar[str] = "mae"

    def native_options(self, dtype: Any) -> dict[str, Any]:
        return {"loss": self.name}


@dataclass(frozen=True)
class Huber(Loss):
    """A square near zero and a line beyond `delta` (Huber 1964): torch.nn.HuberLoss.

    Parameters
    ----------
    delta : float
        Above 0, in units of the target: errors beyond it pull with constant strength. 1 by default, as in torch.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> losses.Huber(delta=2.0)([[1.0], [5.0]], [0.0, 0.0])
    (4.25, array([[0.5],
           [1. ]]))
    """

    name: ClassVar[str] = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        self._store(delta=check_positive("delta", self.delta))

    def native_options(self, dtype: Any) -> dict[str, Any]:
        return {"loss": self.name, "delta": self.delta}
