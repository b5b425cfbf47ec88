"""What every loss of this package is: a frozen dataclass, one native call, and a small JSON object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _check, _core, _device
from ...errors import FormatError
from ._arguments import number_rows

_registry: dict[str, type[Loss]] = {}


@dataclass(frozen=True)
class Loss(ABC):
    """What the losses of this module share: a frozen dataclass, callable, and a small JSON object.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> losses.get("huber")
    Huber(delta=1.0)
    """

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            _registry[cls.name] = cls

    @abstractmethod
    def native_options(self, dtype: Any) -> dict[str, Any]:
        """Keyword arguments of the native calls that take a loss, for outputs of `dtype`."""

    def native_target(self, target: ArrayLike, rows: int, columns: int, dtype: Any) -> NDArray[Any]:
        """`target` as the native calls want it: (rows, columns) of `dtype`."""
        return number_rows(target, rows, columns, dtype)

    def __call__(
        self, output: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[float, NDArray[Any]]:
        """The mean loss and its gradient.

        Parameters
        ----------
        output : array_like
            (rows, columns) float32 or float64: raw outputs of a network, before softmax or sigmoid.
        target : array_like
            (rows,) integer class ids or (rows, columns) shares for cross-entropy; (rows, columns) numbers for the
            others, in [0, 1] for bce_with_logits, or (rows,) where there is one column.
        sample_weight : array_like, optional
            (rows,) finite numbers of at least 0; by default every row weighs 1.

        Returns
        -------
        value : float
        grad_output : ndarray
            d value / d output, of the shape and dtype of `output`.

        Raises
        ------
        TypeError, ValueError
            One line that names the argument: a shape or dtype that does not fit, a class id out of range, weights that
            are negative or sum to 0, no rows.

        Examples
        --------
        >>> from sprat.nn import losses
        >>> losses.MSE()([[1.0], [3.0]], [0.0, 0.0])
        (5.0, array([[1.],
               [3.]]))
        """
        return self._compute(output, target, sample_weight, None)

    def _compute(
        self, output: ArrayLike, target: ArrayLike | None, sample_weight: ArrayLike | None, teacher: ArrayLike | None
    ) -> tuple[float, NDArray[Any]]:
        if _device.is_device_array(output):
            there: tuple[float, NDArray[Any]] = _device.kernels("output").loss(
                self, output, target, sample_weight, teacher
            )
            return there
        z = _check.real_array("output", output, integers=True)
        if z.ndim != 2:
            raise ValueError(f"output: wanted (rows, columns), got shape {z.shape}")
        rows, columns = z.shape
        t = None if target is None else self.native_target(target, rows, columns, z.dtype)
        u = None if sample_weight is None else _check.as_array("sample_weight", sample_weight, z.dtype)
        y = None if teacher is None else number_rows(teacher, rows, columns, z.dtype, "teacher")
        grad = np.empty_like(z)
        return _core.loss(z, t, u, y, grad, **self.native_options(z.dtype)), grad

    def config(self) -> dict[str, Any]:
        """This loss as a JSON object, read back by `from_config`.

        >>> from sprat.nn import losses
        >>> losses.CrossEntropy(label_smoothing=0.1).config()
        {'name': 'cross_entropy', 'label_smoothing': 0.1, 'class_weight': None}
        """
        return {"name": self.name} | {f.name: _encode(getattr(self, f.name)) for f in fields(self)}

    def _store(self, **values: Any) -> None:
        """Put checked values in the fields of this frozen object (only from `__post_init__`)."""
        for key, value in values.items():
            object.__setattr__(self, key, value)


def is_native(loss: Any) -> bool:
    """Whether native code computes this loss: one of this package's, and no subclass that is called in its own way."""
    return isinstance(loss, Loss) and type(loss).__call__.__module__.startswith(__package__)


def get(loss: str | Loss | Callable[..., Any]) -> Any:
    """The loss of a name, or `loss` itself if it is one.

    Parameters
    ----------
    loss : str, Loss or callable
        A name of the table above, or any callable ``loss(output, target, sample_weight) -> (value, grad_output)``.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> losses.get("cross_entropy")
    CrossEntropy(label_smoothing=0.0, class_weight=None)
    """
    if isinstance(loss, str):
        if loss not in _registry:
            raise ValueError(f"loss: wanted one of {', '.join(_registry)}, got {loss!r}")
        return _registry[loss]()
    if not callable(loss) or isinstance(loss, type):
        raise TypeError(f"loss: wanted a name, a loss or a callable, got {loss!r}")
    return loss


def from_config(config: Mapping[str, Any]) -> Loss:
    """The loss whose `config()` this is.

    Parameters
    ----------
    config : mapping
        JSON object with "name" and the loss's fields; fields that have a default may be missing.

    Raises
    ------
    sprat.errors.FormatError
        For an unknown name or field, or a wrong value.

    Examples
    --------
    >>> from sprat.nn import losses
    >>> losses.from_config({"name": "huber", "delta": 0.5})
    Huber(delta=0.5)
    """
    if not isinstance(config, Mapping):
        raise FormatError(f"loss: wanted a JSON object, got {type(config).__name__}")
    name = config.get("name")
    cls = _registry.get(name) if isinstance(name, str) else None
    if cls is None:
        raise FormatError(f"loss: name must be one of {', '.join(_registry)}, got {name!r}")
    values = {key: value for key, value in config.items() if key != "name"}
    unknown = sorted(values.keys() - {f.name for f in fields(cls)})
    if unknown:
        raise FormatError(f"loss {name!r}: unknown field {unknown[0]!r}")
    if isinstance(values.get("hard"), Mapping):
        if values["hard"].get("name") == cls.name:  # a file must not be able to exhaust the stack
            raise FormatError(f"loss {name!r}: hard cannot be a {name} itself")
        values["hard"] = from_config(values["hard"])
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise FormatError(f"loss {name!r}: {error}") from None


def _encode(value: Any) -> Any:
    if isinstance(value, Loss):
        return value.config()
    return list(value) if isinstance(value, tuple) else value
