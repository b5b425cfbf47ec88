"""``sprat.save``, ``sprat.load`` and a summary of a file without its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._bits import from_bits
from . import container, layout, registry
from .atomic import PathLike


def save(obj: Any, path: PathLike) -> None:
    """Write a model to a file: the old file or the new one is there afterwards, never half of one.

    The file is safetensors (https://github.com/huggingface/safetensors), readable by any of its readers; the metadata
    hold format version, kind and configuration (layers, masks, frozen parameters, loss, table encoder). Equal models
    give equal bytes. Permissions of a file that is replaced are kept; a symbolic link stays and its target is replaced.

    Parameters
    ----------
    obj : nn.MLP or packing.PackedMLP
        The model, or any object whose kind is in ``sprat.io.registry``.
    path : str or path
        Where to; its folder must exist.

    Raises
    ------
    TypeError
        No kind of file fits the object.
    ValueError
        ``load`` would refuse the file (NaN or infinity, weights that are not zero where a mask is, an unknown
        ``loss_name``, names of too many classes), or ``path`` is no regular file.

    Examples
    --------
    >>> import sprat, tempfile, os
    >>> model = sprat.nn.MLP([4, 8, 3], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sprat.save(model, os.path.join(folder, "model.safetensors"))
    ...     same = sprat.load(os.path.join(folder, "model.safetensors"))
    >>> bool((same.params == model.params).all())
    True
    """
    format = registry.by_object(obj)
    config, arrays = format.encode(obj)
    prove(format, config)
    container.write(path, format.kind, config, arrays)


def prove(format: registry.Format, config: dict[str, Any]) -> None:
    """ValueError when a load would refuse this configuration: nobody shall write what nobody can read."""
    try:
        format.layout(config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot save the model: {error}") from None


def load(path: PathLike) -> Any:
    """Read a model; every byte is proved before the model is built.

    Parameters
    ----------
    path : str or path
        A file that ``save`` wrote.

    Returns
    -------
    nn.MLP or packing.PackedMLP
        The model, bit for bit. A training checkpoint gives the model in it (``load_training`` gives all of it).

    Raises
    ------
    FileNotFoundError
        There is no such file.
    sprat.FormatError
        One line that names the file and the first thing wrong with it.

    Examples
    --------
    >>> import sprat
    >>> sprat.load("nothing.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nothing.safetensors'
    """
    with container.reading(path) as (contents, file):
        format = registry.by_kind(contents.kind)
        layout.check(format.layout(contents.config), contents.tensors)
        return format.decode(contents.config, container.read_arrays(contents, file))


def describe(path: PathLike) -> dict[str, Any]:
    """What a file holds, from its header and masks alone: no weight is read.

    Parameters
    ----------
    path : str or path
        A file that ``save`` or ``save_training`` wrote.

    Returns
    -------
    dict
        ``path``, ``kind``, ``version``, ``bytes`` (of the file), ``layers`` (list of dicts), ``parameters`` (count),
        ``sparsity`` (share of parameters that masks hold at zero), ``tensors`` (name -> [dtype, shape]), ``config``.

    Raises
    ------
    FileNotFoundError, sprat.FormatError
        As for ``load``.

    Examples
    --------
    >>> import sprat, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     sprat.save(sprat.nn.MLP([4, 8, 3]), path)
    ...     sprat.io.describe(path)["parameters"]
    67
    """
    with container.reading(path) as (contents, file):
        layout.check(registry.by_kind(contents.kind).layout(contents.config), contents.tensors)
        kind, config, prefix = contents.kind, contents.config, ""
        if kind == "training":
            kind, config, prefix = config["kind"], config["model"], "model."
        sizes = {name: math.prod(spec.shape) for name, spec in registry.by_kind(kind).layout(config).items()}
        masks = [name.removeprefix("mask.") for name in sizes if name.startswith("mask.")]
        layers = config["model"]["layers"]
        zeros = sum(
            _removed(container.read_array(contents, file, f"{prefix}mask.{name}"), sizes[name]) for name in masks
        )
        zeros += sum(_weights(layer) - layer["nonzeros"] for layer in layers if layer.get("nonzeros") is not None)
        parameters = sum(_weights(layer) + layer["out_features"] * layer["bias"] for layer in layers)
        return {
            "path": contents.path,
            "kind": contents.kind,
            "version": container.VERSION,
            "bytes": contents.file_size,
            "parameters": parameters,
            "sparsity": zeros / parameters if parameters else 0.0,
            "layers": layers,
            "tensors": {name: [str(entry.dtype), list(entry.shape)] for name, entry in contents.tensors.items()},
            "config": contents.config,
        }


def _removed(mask: np.ndarray, size: int) -> int:
    return size - int(from_bits(mask, (size,)).sum())


def _weights(layer: Mapping[str, Any]) -> int:
    return int(layer["in_features"] * layer["out_features"])
