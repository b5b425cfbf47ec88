"""The multilayer perceptron: all parameters in one array, forward and backward each one native call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _check, _device
from . import init as _init
from ._parameters import Gradients, ParameterLayout
from ._passes import Passes
from .activations import check as _check_activation
from .model import Array, LayerSpec

__all__ = ["MLP", "Gradients"]


class MLP(Passes):
    """A multilayer perceptron.

    Parameters
    ----------
    sizes : sequence of int
        Features from the input to the output, e.g. ``[784, 256, 10]``: two layers.
    activation : str or sequence of str
        Of the hidden layers, one for all or one for each; see :mod:`sprat.nn.activations`.
    output_activation : str
        Of the last layer. The default gives logits, which the losses want.
    dropout : float or sequence of float
        Share of each hidden layer's activations that training sets to zero, in [0, 1).
    bias : bool
        Whether the layers add a bias.
    init : str
        How weights begin; see :mod:`sprat.nn.init`. The default suits relu and its relatives.
    dtype : {"float32", "float64"}
        Of parameters, inputs and outputs. float64 is for checks of gradients.
    seed : int
        The same seed gives the same weights on every machine.
    device : {"cpu", "cuda"}
        Where the parameters lie and the network computes, with the same bits: see :meth:`to`.

    Attributes
    ----------
    masks : dict of str to ndarray of uint8
        Pruned parameters only: 1 keeps, 0 is held at zero by optimizers. Change with ``set_mask``.
    input_quant : sequence of (scale, zero_point, quant_min, quant_max) or None, or None
        Fake quantization of each layer's input, applied in every pass; quantization-aware training sets it.

    Notes
    -----
    ``layers.0.weight`` is (out_features, in_features). Sums run over the inputs in ascending order by fused
    multiply-add, so neither batch, threads nor instruction set change a bit of any output.
    Several threads may call one model; only one at a time may run its training passes.

    Examples
    --------
    >>> import numpy as np, sprat
    >>> model = sprat.nn.MLP([4, 8, 3], activation="relu", seed=0)
    >>> model
    MLP(4-8-3, relu, 67 parameters, float32)
    >>> model(np.zeros((2, 4))).shape
    (2, 3)
    >>> loss, gradients = model.loss_and_gradients(np.zeros((2, 4)), np.array([0, 2]), loss="cross_entropy")
    >>> sorted(gradients)
    ['layers.0.bias', 'layers.0.weight', 'layers.1.bias', 'layers.1.weight']
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Sequence[str] = "relu",
        output_activation: str = "identity",
        dropout: float | Sequence[float] = 0.0,
        bias: bool = True,
        init: str = "he_normal",
        dtype: npt.DTypeLike = "float32",
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        place = _device.place(device)
        if not isinstance(sizes, Iterable):
            raise TypeError(f"sizes: wanted a list of whole numbers, got {sizes!r}")
        counts = [_check.check_count("sizes", size) for size in sizes]
        if len(counts) < 2:
            raise ValueError(f"sizes: wanted at least the features of input and output, got {list(sizes)}")
        hidden = len(counts) - 2
        activations = [*_for_each("activation", activation, hidden), output_activation]
        dropouts = [*_for_each("dropout", dropout, hidden), 0.0]
        layers = [
            LayerSpec(counts[i], counts[i + 1], activations[i], bool(bias), dropouts[i]) for i in range(hidden + 1)
        ]
        self._install(_checked_layers(layers), _check.float_dtype("dtype", dtype))
        self._initialise(init, seed)
        self.to(place.name)

    # ---- making models -------------------------------------------------------------------------------------------

    @classmethod
    def from_layers(
        cls,
        layers: Sequence[LayerSpec],
        params: Mapping[str, npt.ArrayLike] | npt.ArrayLike | None = None,
        dtype: npt.DTypeLike = "float32",
        seed: int = 0,
        init: str = "he_normal",
    ) -> MLP:
        """A model of these layers.

        Parameters
        ----------
        layers : sequence of LayerSpec
            Each takes what the one before gives.
        params : dict of arrays by name, or flat array, optional
            Copied. None: initial weights.
        dtype, seed, init
            As for :class:`MLP`.

        Examples
        --------
        >>> from sprat.nn import MLP, LayerSpec
        >>> MLP.from_layers([LayerSpec(4, 8, "tanh"), LayerSpec(8, 2, "identity", bias=False)])
        MLP(4-8-2, tanh, 56 parameters, float32)
        """
        model = cls.__new__(cls)
        model._install(_checked_layers(layers), _check.float_dtype("dtype", dtype))
        if params is None:
            model._initialise(init, seed)
        else:
            model._layout.fill(model._params, params)
        return model

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], params: Mapping[str, npt.ArrayLike] | npt.ArrayLike | None = None
    ) -> MLP:
        """A model from what ``config()`` gave, with parameters by name or as one flat array.

        >>> from sprat.nn import MLP
        >>> model = MLP([4, 8, 2], seed=1)
        >>> bool((MLP.from_config(model.config(), model.params)([[1, 2, 3, 4]]) == model([[1, 2, 3, 4]])).all())
        True
        """
        layers = [LayerSpec(**layer) for layer in config["layers"]]
        model = cls.from_layers(layers, params, config["dtype"])
        model.loss_name = config.get("loss_name")
        model.freeze(*config.get("frozen", ()))
        return model

    def config(self) -> dict[str, Any]:
        """Layers, dtype, loss and frozen parameters, JSON-able."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "dtype": self.dtype.name,
            "loss_name": self.loss_name,
            "frozen": sorted(self._frozen),
        }

    def copy(self) -> MLP:
        """An equal model that shares no array with this one."""
        model = type(self).from_layers(self.layers, _device.to_host(self._params), self.dtype).to(self.device)
        model.masks = {name: mask.copy() for name, mask in self.masks.items()}
        model._take_head(self)
        model.input_quant = self.input_quant
        model._set_frozen(self._frozen)
        return model

    def __copy__(self) -> MLP:
        return self.copy()  # sharing the masks alone would let one model cut the other's weights

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in _NATIVE}
        return state | {"_params": _device.host_copy(self._params), "_place": self.device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._install(state["_layout"].layers, state["_layout"].dtype)
        self._params[...] = state.pop("_params")
        self.to(state.pop("_place", "cpu"))
        self.__dict__.update(state)
        self._set_frozen(self._frozen)
        self._choose_runner()

    def _install(self, layers: tuple[LayerSpec, ...], dtype: np.dtype[Any]) -> None:
        """Parameters and native structure for these layers; the parameters hold no values yet."""
        self._layout = ParameterLayout(layers, dtype)
        self._lie_in(_device.CPU, _device.CPU.aligned_empty(self._layout.size, dtype))
        self.masks: dict[str, npt.NDArray[np.uint8]] = {}
        self._structure_version = getattr(self, "_structure_version", -1) + 1
        self._set_frozen(frozenset())

    def _initialise(self, init: str, seed: int) -> None:
        seed = _check.check_count("seed", seed, 0, _check.MAX_SEED)
        self._params[...] = 0
        for index in range(len(self.layers)):
            _init.fill(self._views[f"layers.{index}.weight"], init, seed, index)

    # ---- what the model is ---------------------------------------------------------------------------------------

    @property
    def params(self) -> Array:
        """All parameters as one writable array, in the order of ``parameters()``; begins at a multiple of 64 bytes."""
        return self._params

    @property
    def num_parameters(self) -> int:
        """How many numbers ``params`` holds."""
        return self._layout.size

    def parameters(self) -> dict[str, Array]:
        """Writable views into ``params`` by name: ``"layers.0.weight"`` (out, in), ``"layers.0.bias"`` (out,)."""
        return dict(self._views)

    def __repr__(self) -> str:
        sizes = "-".join(str(size) for size in [self.in_features, *(layer.out_features for layer in self.layers)])
        hidden = list(dict.fromkeys(layer.activation for layer in self.layers[:-1])) or [self.layers[-1].activation]
        return f"MLP({sizes}, {'/'.join(hidden)}, {self.num_parameters:,} parameters, {self.dtype})"

    # ---- masks, frozen parameters, structure ---------------------------------------------------------------------

    def set_mask(self, name: str, mask: npt.ArrayLike | None) -> None:
        """Hold a parameter at zero where the mask is 0; None removes the mask.

        Parameters
        ----------
        name : str
            A parameter.
        mask : array_like of 0 and 1 in the shape of the parameter, or None

        Examples
        --------
        >>> from sprat.nn import MLP
        >>> model = MLP([2, 1])
        >>> model.set_mask("layers.0.weight", [[1, 0]])
        >>> float(model.parameters()["layers.0.weight"][0, 1])
        0.0
        """
        view = self._view(name)
        if mask is None:
            self.masks.pop(name, None)
            return
        given = np.asarray(mask)
        if given.shape != view.shape:
            raise ValueError(f"mask: wanted shape {view.shape} like {name}, got {given.shape}")
        if given.dtype.kind not in "biuf" or not np.isin(given, (0, 1)).all():
            raise ValueError("mask: wanted 0 and 1 only")
        keep = np.array(given, np.uint8, order="C")
        view[keep == 0] = 0
        self.masks[name] = keep

    @property
    def frozen(self) -> frozenset[str]:
        """Names of the parameters that training leaves alone."""
        return self._frozen

    def freeze(self, *which: str | int) -> None:
        """Leave parameters out of training: names, or indices of layers. Nothing is computed below the lowest layer
        that still learns.

        >>> from sprat.nn import MLP
        >>> model = MLP([4, 8, 2])
        >>> model.freeze(0)
        >>> sorted(model.frozen)
        ['layers.0.bias', 'layers.0.weight']
        """
        self._set_frozen(self._frozen | self._names(which))

    def unfreeze(self, *which: str | int) -> None:
        """Train these parameters again; without arguments all of them."""
        self._set_frozen(self._frozen - self._names(which) if which else frozenset())

    def _names(self, which: Sequence[str | int]) -> frozenset[str]:
        names: set[str] = set()
        for item in which:
            if isinstance(item, str):
                self._view(item)
                names.add(item)
                continue
            index = self._layer_index(item)
            names.update(name for name in self._views if name.startswith(f"layers.{index}."))
        return frozenset(names)

    def _set_frozen(self, names: frozenset[str]) -> None:
        self._frozen = names
        self._trainable = [name for name in self._views if name not in names]
        self._frozen_flags = self._layout.flags(names) if names else None

    def _view(self, name: str) -> Array:
        if name not in self._views:
            raise ValueError(f"there is no parameter {name!r}; wanted one of {', '.join(self._views)}")
        return self._views[name]

    def replace_head(
        self, out_features: int, *, activation: str = "identity", init: str = "he_normal", seed: int = 0
    ) -> None:
        """Put a fresh last layer on the model, for another task; the layers below keep their weights.

        The loss and the encoder belonged to the old task and are forgotten. Optimizers of the old structure refuse to
        go on until ``rebind``.

        >>> from sprat.nn import MLP
        >>> model = MLP([4, 8, 2])
        >>> model.freeze(0)
        >>> model.replace_head(5)
        >>> model
        MLP(4-8-5, relu, 85 parameters, float32)
        """
        out_features = _check.check_count("out_features", out_features)
        _check_activation(activation)
        head = replace(self.layers[-1], out_features=out_features, activation=activation)
        fresh = MLP.from_layers([head], dtype=self.dtype, seed=seed, init=init).parameters()
        prefix = f"layers.{len(self.layers) - 1}."
        parameters = {name: view for name, view in self._views.items() if not name.startswith(prefix)}
        parameters |= {prefix + name.rpartition(".")[2]: values for name, values in fresh.items()}
        masks = {name: mask for name, mask in self.masks.items() if not name.startswith(prefix)}
        frozen = frozenset(name for name in self._frozen if not name.startswith(prefix))
        self._rebuild([*self.layers[:-1], head], parameters, masks)
        self._set_frozen(frozen)
        self.loss_name = self.encoder = self._class_names = None

    def _rebuild(
        self, layers: Sequence[LayerSpec], params: Mapping[str, npt.ArrayLike], masks: Mapping[str, npt.ArrayLike]
    ) -> None:
        """Another structure in the same object; ``_structure_version`` tells optimizers. An error changes nothing."""
        _device.refuse("a change of the layers", self)
        fresh = MLP.from_layers(layers, params, self.dtype)
        for name, mask in masks.items():
            fresh.set_mask(name, mask)
        frozen = self._frozen & fresh._views.keys()
        fresh._structure_version = self._structure_version + 1
        for name in ("_layout", "_native", "_params", "_views", "_workspace", "_pass", "masks", "_structure_version"):
            setattr(self, name, getattr(fresh, name))
        self._set_frozen(frozenset(frozen))
        self.input_quant = None


# 128 TiB of float64, all that a process can address; beyond, sizes in bytes would leave 64 bits.
_MAX_PARAMETERS = 2**44

# Attributes that hold native objects or views: made again when a copy is unpickled.
_NATIVE = ("_native", "_views", "_workspace", "_pass", "_trainable", "_frozen_flags")


def _for_each(name: str, value: Any, count: int) -> list[Any]:
    """One value for all hidden layers, or one for each."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name}: wanted one for each of the {count} hidden layers, got {len(value)}")
    return list(value)


def _checked_layers(layers: Sequence[LayerSpec]) -> tuple[LayerSpec, ...]:
    checked = []
    for index, layer in enumerate(layers):
        _check_activation(layer.activation)
        is_last = index == len(layers) - 1
        dropout = _check.check_number("dropout", layer.dropout, 0.0, 1.0, open_high=True)
        if is_last and dropout > 0:
            raise ValueError(f"dropout: the last layer has none, got {layer.dropout!r}")
        in_features = _check.check_count("in_features", layer.in_features)
        if index and in_features != layers[index - 1].out_features:
            given = layers[index - 1].out_features
            raise ValueError(f"layers: layer {index - 1} gives {given} features, layer {index} takes {in_features}")
        out_features = _check.check_count("out_features", layer.out_features)
        checked.append(LayerSpec(in_features, out_features, str(layer.activation), bool(layer.bias), dropout))
    if not checked:
        raise ValueError("layers: wanted at least one")
    count = sum(layer.out_features * (layer.in_features + layer.bias) for layer in checked)
    if count > _MAX_PARAMETERS:
        raise ValueError(f"layers: wanted at most {_MAX_PARAMETERS} parameters, got {count}")
    return tuple(checked)
