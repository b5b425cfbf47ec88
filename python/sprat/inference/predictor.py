"""A frozen model: packed once, then called from any number of threads."""

from __future__ import annotations

import os
from typing import Any, cast

import numpy as np

from .. import _device
from ..nn.model import Array, Model

__all__ = ["Predictor"]


class Predictor(Model):
    """A model frozen for predictions.

    Parameters
    ----------
    model : nn.Model, or path of a model file
        What is copied: later changes of the model do not reach the predictor.
    device : {"cpu", "cuda"}, optional
        Where it computes, and where inputs and outputs lie: by default where the model does. The bits are the same.

    Notes
    -----
    Any number of threads may call one predictor; it takes no lock, and beyond about a microsecond releases the GIL. With
    ``out`` a call allocates nothing once the thread has made its first one. One row gives the bits that it has among
    many. After a fork the child goes on predicting.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([4, 8, 3], seed=0)
    >>> predict = sprat.Predictor(model)
    >>> x, out = np.ones((2, 4), np.float32), np.empty((2, 3), np.float32)
    >>> bool((predict(x, out=out) == model(x)).all())
    True
    """

    def __init__(self, model: Model | str | os.PathLike[str], *, device: str | None = None) -> None:
        if isinstance(model, (str, os.PathLike)):
            from .. import io

            model = cast(Model, io.load(model))
        if not hasattr(model, "_native_predictor"):
            raise TypeError(f"model: wanted a model or the path of one, got {type(model).__name__}")
        self._place = model._place if device is None else _device.place(device)
        self._native = self._place.freeze(model)
        self._dtype: np.dtype[Any] = np.dtype(self._native.dtype)
        self._in_features = int(self._native.in_features)
        self._out_features = int(self._native.out_features)
        self._config = model.config()
        self._take_head(model)
        self._set_runner(self._native if self.device == "cpu" else None)

    @property
    def in_features(self) -> int:
        """Columns of ``x``."""
        return self._in_features

    @property
    def out_features(self) -> int:
        """Columns of the output."""
        return self._out_features

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of inputs and outputs."""
        return self._dtype

    def config(self) -> dict[str, Any]:
        """The configuration of the model it was made from."""
        return self._config

    def _run(self, x: Array, out: Array) -> None:
        self._native.run(x, out)

    def __repr__(self) -> str:
        return f"Predictor({self._in_features} -> {self._out_features}, {self._dtype})"
