"""What every model offers: raw outputs, predictions, probabilities, and what a table needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._device import CPU, Place, to_host

__all__ = ["LayerSpec", "Model"]

Array = npt.NDArray[Any]

_CLASSIFICATION = ("cross_entropy", "bce_with_logits")


@dataclass(frozen=True)
class LayerSpec:
    """One layer, ``activation(x @ weight.T + bias)``; ``dropout`` is the share that training drops of its output.

    >>> from sprat.nn import LayerSpec
    >>> LayerSpec(4, 2).activation
    'relu'
    """

    in_features: int
    out_features: int
    activation: str = "relu"
    bias: bool = True
    dropout: float = 0.0


class Model(_core.ModelCall, ABC):
    """A network that maps rows of ``in_features`` numbers to rows of ``out_features`` raw outputs: ``model(x)``.

    Parameters of a call
    --------------------
    x : array_like (rows, in_features), or a table when the model has an encoder
        Any real dtype and layout; converted by copy where it is not a contiguous array of ``dtype``. An array that needs
        no conversion takes the shortest way.
    out : ndarray (rows, out_features) of ``dtype``, optional
        Written in place; must be contiguous and apart from ``x``.

    Returns
    -------
    ndarray (rows, out_features)
        Raw outputs, logits or values: ``out``, or a new array. Zero rows give zero rows; a NaN in a row of ``x`` reaches
        that row's outputs alone.

    Raises
    ------
    ValueError, TypeError
        With one line, and ``out`` as it was.

    Attributes
    ----------
    loss_name : str or None
        What the raw outputs mean: ``"cross_entropy"`` and ``"bce_with_logits"`` are logits, ``"mse"``, ``"mae"`` and
        ``"huber"`` are values. Training sets it.
    encoder : tabular.Encoder or None
        How columns of a table become inputs, and outputs become class names or values. With an encoder, ``x`` may be a
        data frame or a dict of columns; an array is taken for rows that are encoded already.

    Examples
    --------
    >>> import sprat
    >>> isinstance(sprat.nn.MLP([2, 1]), sprat.nn.Model)
    True
    """

    loss_name: str | None = None
    encoder: Any = None
    _place: Place = CPU
    _class_names: tuple[Any, ...] | None = None

    @property
    @abstractmethod
    def in_features(self) -> int:
        """Columns of ``x``."""

    @property
    @abstractmethod
    def out_features(self) -> int:
        """Columns of the output."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Of inputs and outputs: float32 or float64."""

    @abstractmethod
    def _run(self, x: Array, out: Array) -> None:
        """Raw outputs of ``x`` (rows, in_features) into ``out``; the native module checks both."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Everything but the numbers, JSON-able."""

    @property
    def class_names(self) -> tuple[Any, ...] | None:
        """Names of the classes in the order of their ids, None when they are numbered. The encoder's come first."""
        names = None if self.encoder is None else self.encoder.class_names
        return self._class_names if names is None else names

    @class_names.setter
    def class_names(self, names: Any) -> None:
        self._class_names = None if names is None else tuple(names)

    def _take_head(self, other: Model) -> None:
        """What the outputs mean, from a model that this one stands for."""
        self.loss_name, self.encoder, self._class_names = other.loss_name, other.encoder, other._class_names

    if TYPE_CHECKING:  # what _core.ModelCall does: by its runner if there is one and it can, else by _call

        def __call__(self, x: npt.ArrayLike, out: Array | None = None) -> Array: ...

    def _call(self, x: npt.ArrayLike, out: Array | None = None) -> Array:
        """The call that converts ``x``, or says what is wrong."""
        x = self._inputs(x)
        result: Array = self._place.empty((x.shape[0], self.out_features), self.dtype) if out is None else out
        self._run(x, result)
        return result

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)  # not the runner: a copy is right without, and may set its own

    def _set_runner(self, native: Any) -> None:
        """Let calls go straight to native code, unless a class of the user's own does a part of them in its own way."""
        parts = (getattr(type(self), name) for name in ("_run", "_call", "_inputs"))
        own = any(not part.__module__.startswith("sprat.") for part in parts)
        _core.set_runner(self, None if own else native)

    def _inputs(self, x: Any) -> Array:
        """``x`` as the kernels read it."""
        if type(x) is not np.ndarray and (isinstance(x, Mapping) or hasattr(x, "columns")):
            if self.encoder is not None:
                x = self._place.put(self.encoder.transform(x))
            elif isinstance(x, Mapping):
                raise TypeError("x: wanted an array; columns by name need a model with an encoder (model.encoder)")
        array: Array = self._place.matrix("x", x, self.in_features, self.dtype)
        return array

    @property
    def device(self) -> str:
        """Where it computes: ``"cpu"`` or ``"cuda"``."""
        return self._place.name

    def predict(self, x: npt.ArrayLike) -> Array:
        """Classes or values, by what the model was trained for.

        Parameters
        ----------
        x : array_like (rows, in_features), or a table

        Returns
        -------
        ndarray
            ``cross_entropy``: the class with the largest logit, (rows,). ``bce_with_logits``: 1 where the logit is
            above 0, (rows,) for one output, (rows, outputs) for several. Both as class names when the encoder has them,
            else as integers. Otherwise values, with the encoder's scaling of the target undone; (rows,) for one output.

        Raises
        ------
        ValueError
            If ``loss_name`` is None: the model does not know what its outputs mean.

        Examples
        --------
        >>> import numpy as np, sprat
        >>> model = sprat.nn.MLP([2, 2], bias=False)
        >>> model.params[:] = [1, 0, 0, 1]
        >>> model.loss_name = "cross_entropy"
        >>> model.predict([[3.0, 1.0], [0.0, 2.0]])
        array([0, 1])
        """
        task = self._task()
        output = to_host(self(x))
        if task == "cross_entropy":
            ids: Array = output.argmax(axis=1)
        elif task == "bce_with_logits":
            ids = (output > 0).astype(np.int64)
            ids = ids[:, 0] if self.out_features == 1 else ids
        else:
            values = output[:, 0] if self.out_features == 1 else output
            scaled = self.encoder is not None and self.encoder.task == "regression"
            return np.asarray(self.encoder.inverse_target(values)) if scaled else values
        names = self.class_names
        if names is None or ids.ndim == 2:
            return ids
        named: Array = np.asarray(names)[ids]
        return named

    def predict_proba(self, x: npt.ArrayLike) -> Array:
        """The probability of each class.

        Parameters
        ----------
        x : array_like (rows, in_features), or a table

        Returns
        -------
        ndarray
            ``cross_entropy``: softmax, (rows, out_features). ``bce_with_logits``: (rows, 2) for one output, the
            probabilities of 0 and of 1; for several the sigmoid of each, (rows, outputs).

        Raises
        ------
        ValueError
            If the model was not trained to classify.

        Examples
        --------
        >>> import sprat
        >>> model = sprat.nn.MLP([2, 3], seed=0)
        >>> model.loss_name = "cross_entropy"
        >>> model.predict_proba([[0.0, 0.0]]).round(2)
        array([[0.33, 0.33, 0.33]], dtype=float32)
        """
        from . import functional

        task = self._task()
        if task not in _CLASSIFICATION:
            raise ValueError(f"predict_proba: the model was trained with {task}, its outputs are values")
        output = self(x)
        if task == "cross_entropy":
            return functional.softmax(output, out=output)
        if self.out_features > 1:
            return functional.sigmoid(output, out=output)
        logits = to_host(output)
        pair: Array = self._place.put(np.concatenate([-logits, logits], axis=1))
        return functional.sigmoid(pair)

    def _task(self) -> str:
        if self.loss_name is None:
            raise ValueError(
                "predict: the model does not know what its outputs mean; train it, or set model.loss_name "
                "('cross_entropy', 'bce_with_logits', 'mse', 'mae' or 'huber')"
            )
        return self.loss_name
