"""Where the parameters of a network lie in one flat array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._device import CPU, Place
from .model import Array, LayerSpec


class ParameterLayout:
    """Names, shapes and places of the parameters: weight, bias, weight, bias ... without gaps."""

    def __init__(self, layers: tuple[LayerSpec, ...], dtype: np.dtype[Any]) -> None:
        self.layers = layers
        self.dtype = dtype
        self.places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.size = 0
        for index, layer in enumerate(layers):
            self._add(f"layers.{index}.weight", (layer.out_features, layer.in_features))
            if layer.bias:
                self._add(f"layers.{index}.bias", (layer.out_features,))

    def _add(self, name: str, shape: tuple[int, ...]) -> None:
        self.places[name] = (self.size, shape)
        self.size += int(np.prod(shape, dtype=object))

    def rows(self) -> list[tuple[int, int, str, bool, float, int, int]]:
        """The layers as native code takes them."""
        return [
            (
                layer.in_features,
                layer.out_features,
                layer.activation,
                layer.bias,
                layer.dropout,
                self.places[f"layers.{index}.weight"][0],
                self.places[f"layers.{index}.bias"][0] if layer.bias else 0,
            )
            for index, layer in enumerate(self.layers)
        ]

    def native(self) -> _core.Mlp:
        """The structure as the kernels know it."""
        return _core.Mlp(self.rows(), self.size, self.dtype.name)

    def views(self, flat: Array, names: Iterable[str] | None = None) -> dict[str, Array]:
        """Views into ``flat`` by name."""
        result = {}
        for name in self.places if names is None else names:
            offset, shape = self.places[name]
            result[name] = flat[offset : offset + int(np.prod(shape))].reshape(shape)
        return result

    def flags(self, names: Iterable[str]) -> npt.NDArray[np.uint8]:
        """1 for each of these parameters, in the order weight, bias of every layer."""
        flags = np.zeros(2 * len(self.layers), np.uint8)
        for name in names:
            _, index, kind = name.split(".")
            flags[2 * int(index) + (kind == "bias")] = 1
        return flags

    def fill(self, flat: Array, values: Mapping[str, npt.ArrayLike] | npt.ArrayLike) -> None:
        """Copy parameters, by name or as one array, into ``flat``."""
        if not isinstance(values, Mapping):
            given = np.asarray(values)
            if given.shape != flat.shape:
                raise ValueError(f"params: wanted shape {flat.shape}, got {given.shape}")
            flat[...] = given
            return
        missing = [name for name in self.places if name not in values]
        unknown = [name for name in values if name not in self.places]
        if missing or unknown:
            what = f"{missing[0]!r} is missing" if missing else f"there is no {unknown[0]!r}"
            raise ValueError(f"params: {what}; wanted {', '.join(self.places)}")
        for name, view in self.views(flat).items():
            given = np.asarray(values[name])
            if given.shape != view.shape:
                raise ValueError(f"params: wanted shape {view.shape} for {name}, got {given.shape}")
            view[...] = given


class Gradients(dict[str, Array]):
    """Gradient arrays by parameter name: views into ``flat``, which is laid out as the model's ``params``.

    ``flat`` is 0 where a frozen parameter lies; the dict leaves those out.

    >>> from sprat.nn import MLP
    >>> _, gradients = MLP([2, 1]).loss_and_gradients([[1, 2]], [3], loss="mse")
    >>> gradients.flat.shape
    (3,)
    """

    def __init__(self, layout: ParameterLayout, names: Sequence[str], place: Place = CPU) -> None:
        self.flat: Array = place.aligned_empty(layout.size, layout.dtype)
        self._layout, self._place = layout, place
        super().__init__(layout.views(self.flat, names))

    def fits(self, layout: ParameterLayout, names: Sequence[str], place: Place = CPU) -> bool:
        """Whether a pass of this structure with these trainable parameters may write here."""
        return self._layout is layout and self._place is place and list(self) == list(names)
