"""Training state in a file: the model, and a tree of numbers and arrays that says where its training stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import container, files, layout, registry, tree
from .atomic import PathLike
from .header import CODES, DTYPES
from .layout import Fields, TensorSpec
from .registry import Arrays

if TYPE_CHECKING:
    from ..training import Trainer

_MODEL = "model."
_STATE = "state."


def save_training(path: PathLike, trainer: Trainer) -> None:
    """Write a training run as it stands, atomically; ``load_training`` or ``fit(..., resume=True)`` goes on from it.

    Parameters
    ----------
    path : str or path
    trainer : training.Trainer
        What a callback is given.

    Raises
    ------
    ValueError
        A callback remembers something that is no number, text, array, list or dict.

    Examples
    --------
    >>> import numpy as np, sprat, tempfile, os
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.safetensors")
    ...     half = sprat.fit(sprat.nn.MLP([4, 2]), x, y, epochs=1, checkpoint=path)
    ...     whole = sprat.fit(sprat.nn.MLP([4, 2]), x, y, epochs=2, checkpoint=path, resume=True)
    >>> half.epochs, whole.epochs
    (1, 2)
    """
    format = registry.by_object(trainer.model)
    model_config, model_arrays = format.encode(trainer.model)
    files.prove(format, model_config)
    state_arrays: Arrays = {}
    state = tree.pack(trainer.state_dict(), "", state_arrays)
    arrays = {_MODEL + name: array for name, array in model_arrays.items()}
    arrays |= {_STATE + name: array for name, array in state_arrays.items()}
    tensors = {name: [CODES[array.dtype.newbyteorder("<")], list(array.shape)] for name, array in state_arrays.items()}
    config = {"kind": format.kind, "model": model_config, "state": state, "tensors": tensors}
    container.write(path, "training", config, arrays)


@dataclass(frozen=True)
class TrainingState:
    """What a checkpoint holds: the model as it was, and where its training stood.

    Attributes
    ----------
    path : str or path
    model : nn.MLP
        At the last step before the checkpoint; early stopping's best weights are in ``state``.
    state : dict
        Position, settings, optimizer, callbacks and history: plain dicts, lists, numbers and arrays.

    Examples
    --------
    >>> import numpy as np, sprat, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.safetensors")
    ...     history = sprat.fit(sprat.nn.MLP([2, 1]), np.eye(2), [1.0, 2.0], epochs=3, checkpoint=path)
    ...     sprat.io.load_training(path).state["epoch"]
    3
    """

    path: PathLike
    model: Any
    state: dict[str, Any]

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer where the checkpoint was made: its model, optimizer, callbacks and position change in place.

        Raises
        ------
        ValueError
            The model has other layers, or the settings differ that decide about bits (seed, batch size, rows, loss,
            optimizer, callbacks); nothing has changed then.
        """
        for what in ("layers", "dtype", "frozen"):
            if getattr(trainer.model, what) != getattr(self.model, what):
                raise ValueError(f"resume: the checkpoint's model has other {what} than this one")
        trainer.check_state(self.state)
        before = trainer.model.copy()
        try:
            _replace(trainer.model, self.model)
            trainer.masks_changed()
            with container.format_errors(self.path):
                trainer.load_state_dict(self.state)
        except BaseException:
            _replace(trainer.model, before)
            raise


def _replace(model: Any, source: Any) -> None:
    """Give a model the weights, masks and fake quantization of another with the same layers."""
    for name in set(model.masks) | set(source.masks):
        model.set_mask(name, source.masks.get(name))
    model.params[...] = source.params
    model.input_quant = source.input_quant


def load_training(path: PathLike) -> TrainingState:
    """Read a checkpoint; everything in it is proved first.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    TrainingState
        ``model``, ``state`` (plain dicts, lists, numbers and arrays) and ``restore(trainer)``.

    Raises
    ------
    FileNotFoundError, sprat.FormatError
        As for ``load``.

    Examples
    --------
    >>> import sprat
    >>> sprat.io.load_training("nothing.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nothing.safetensors'
    """
    with container.reading(path) as (contents, file):
        if contents.kind != "training":
            raise ValueError(f"a file of kind {contents.kind!r}, not a training checkpoint")
        layout.check(_layout(contents.config), contents.tensors)
        arrays = container.read_arrays(contents, file)
        return TrainingState(path, _decode_model(contents.config, arrays), _decode_state(contents.config, arrays))


def _layout(config: Mapping[str, Any]) -> dict[str, TensorSpec]:
    fields = Fields(config, "the configuration")
    format = registry.by_kind(fields.text("kind", among=registry.kinds() - {"training"}))
    wanted = {_MODEL + name: spec for name, spec in format.layout(fields.any("model")).items()}
    tensors = fields.any("tensors")
    state = fields.any("state")
    fields.done()
    if not isinstance(tensors, dict) or not isinstance(state, dict):
        raise ValueError("the configuration: state and tensors are not objects")
    for name, entry in tensors.items():
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] not in DTYPES or not isinstance(entry[1], list):
            raise ValueError(f"the configuration: tensor {name!r} has no dtype and shape")
        wanted[_STATE + name] = TensorSpec(DTYPES[entry[0]], tuple(entry[1]))
    return wanted


def _decode_model(config: Mapping[str, Any], arrays: Arrays) -> Any:
    model = {name.removeprefix(_MODEL): array for name, array in arrays.items() if name.startswith(_MODEL)}
    return registry.by_kind(config["kind"]).decode(config["model"], model)


def _decode_state(config: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
    left = {name.removeprefix(_STATE): array for name, array in arrays.items() if name.startswith(_STATE)}
    state: dict[str, Any] = tree.unpack(config["state"], left)
    if left:
        raise ValueError(f"the state does not name its tensor {next(iter(left))!r}")
    _prove_state(state)
    return state


def _prove_state(state: Any) -> None:
    """What every run has must be there and of its type; optimizer and callbacks prove their own part when they take it."""
    fields = Fields(state, "the state")
    for key in ("epoch", "batch", "step"):
        fields.integer(key, 0, 2**62)
    for key in ("loss_sum", "loss_weight"):
        fields.number(key, float("-inf"), float("inf"))
    fields.optional_text("stopped", among=("early_stopping", "callback"))
    for key in ("settings", "optimizer", "history"):
        Fields(fields.any(key), f"the state: {key}")
    for entry in fields.items("callbacks"):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise ValueError("the state: callbacks are not pairs of a name and a state")
        Fields(entry[1], f"the state: callback {entry[0]!r}")
    fields.done()


def _encode(obj: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    raise TypeError("a training run is saved by sprat.io.save_training(path, trainer)")


registry.register(registry.Format("training", TrainingState, _encode, _layout, _decode_model))
