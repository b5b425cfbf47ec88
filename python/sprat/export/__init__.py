"""Networks as source text for devices: one C99 file and its header, or one C++17 header.

The text needs no library but string.h (and math.h where the processor multiplies and adds in one), no heap and no
operating system, and answers with the bits of :class:`sprat.Predictor`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from ..nn.model import Model
from .names import checked_name, name_of_file
from .plan import layers_of, plan_of
from .program import STACK_BYTES, Program
from .selftest import SelfTest, typical_rows

__all__ = ["Exported", "c", "cpp"]


@dataclass(frozen=True)
class Exported:
    """Generated text, and what it takes.

    Attributes
    ----------
    name : str
        Begins every identifier of the text.
    files : dict of str to str
        Names of files and their text: ``model.c`` and ``model.h``, or ``model.hpp``.
    flash : int
        Bytes of constants: weights, biases, scales. Code comes on top.
    ram : int
        Bytes of the memory that the caller gives a call: ``sizeof(model_memory)``.
    stack : int
        Bytes of the stack that a call takes at most.

    Examples
    --------
    >>> import sprat
    >>> exported = sprat.export.c(sprat.nn.MLP([4, 8, 2], seed=0))
    >>> sorted(exported.files), exported.flash, exported.ram
    (['model.c', 'model.h'], 232, 32)
    """

    name: str
    files: dict[str, str]
    flash: int
    ram: int
    stack: int


def c(
    model: Model | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    tests: int | ArrayLike = 8,
) -> Exported:
    """A network as one C99 file and its header.

    Parameters
    ----------
    model : nn.MLP, PackedMLP, or path of a model file
        float32 networks, and packed ones with weights of float32, float16, bfloat16, int8 and int4, zeros left out or not.
    path : path of the .c file, optional
        Where to write; the header goes beside it. None writes nothing.
    name : str, optional
        Begins every identifier: a C identifier. None: what the file's name says, or "model".
    tests : int, or array_like (rows, in_features)
        Rows of the self-test, which ``-DMODEL_SELF_TEST`` compiles: your own, or how many to draw; 0 leaves it out.

    Returns
    -------
    Exported
        The text, and what it takes of flash, RAM and stack.

    Raises
    ------
    ValueError, TypeError
        One line: what cannot be exported, or which argument is wrong. Nothing is written then.

    Notes
    -----
    Only numbers reach the text: names of classes, columns and metadata of a file do not. Integers have the library's bits
    everywhere; float32 too, by the processor's fused multiply-add or in software (``MODEL_FMA``).

    Examples
    --------
    >>> import sprat
    >>> model = sprat.quantization.quantize_model(sprat.nn.MLP([4, 8, 2], seed=0))
    >>> "void pump_predict(pump_memory *memory, const float *x, float *y)" in sprat.export.c(model, name="pump").files["pump.c"]
    True
    """
    program = _program(model, path, name, tests, ".c")
    stem = _stem(path, program.name)
    return _written(program, path, {f"{stem}.c": program.source(f"{stem}.h"), f"{stem}.h": program.header()})


def cpp(
    model: Model | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    tests: int | ArrayLike = 8,
) -> Exported:
    """A network as one C++17 header, in a namespace of its own.

    Parameters
    ----------
    model : nn.MLP, PackedMLP, or path of a model file
        As for :func:`c`.
    path : path of the .hpp file, optional
        Where to write; None writes nothing.
    name : str, optional
        The namespace. None: what the file's name says, or "model".
    tests : int, or array_like (rows, in_features)
        Rows of the self-test, as for :func:`c`.

    Returns
    -------
    Exported

    Raises
    ------
    ValueError, TypeError
        As :func:`c`.

    Examples
    --------
    >>> import sprat
    >>> exported = sprat.export.cpp(sprat.nn.MLP([4, 8, 2], seed=0), name="pump")
    >>> "namespace pump {" in exported.files["pump.hpp"]
    True
    """
    program = _program(model, path, name, tests, ".hpp")
    return _written(program, path, {f"{_stem(path, program.name)}.hpp": program.cpp()})


def _program(model: Any, path: Any, name: str | None, tests: Any, suffix: str) -> Program:
    if path is not None and os.path.splitext(os.fspath(path))[1] != suffix:
        raise ValueError(f"path: wanted a file that ends in {suffix}, got {_check.short(os.fspath(path))}")
    if path is not None and not re.fullmatch(
        r"[A-Za-z0-9_.+ -]+", os.path.basename(os.fsdecode(os.fspath(path))), re.ASCII
    ):
        raise ValueError(f"path: wanted a file name of letters, digits, blanks and _.+-, got {_check.short(path)}")
    if name is None:
        name = "model" if path is None else name_of_file(path)
    name = checked_name(name)
    if isinstance(model, (str, os.PathLike)):
        from .. import io

        model = cast(Model, io.load(model))
    layers = layers_of(model)
    test = _self_test(model, layers, tests)
    return Program(name, layers, plan_of(layers), test, getattr(model, "encoder", None) is not None)


def _stem(path: Any, name: str) -> str:
    """How the files are called, without suffix: one of them names the other."""
    return name if path is None else os.path.splitext(os.path.basename(os.fsdecode(os.fspath(path))))[0]


def _self_test(model: Any, layers: Any, tests: Any) -> SelfTest | None:
    from ..inference import Predictor

    if isinstance(tests, int) and not isinstance(tests, bool):
        count = _check.check_count("tests", tests, 0)
        if count == 0:
            return None
        rows = typical_rows(layers, count)
    else:
        rows = np.array(tests, np.float32, order="C", ndmin=2)
        if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != layers[0].in_features:
            raise ValueError(f"tests: wanted (rows, {layers[0].in_features}), got shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("tests: wanted finite numbers")
    answers = np.asarray(Predictor(model, device="cpu")(rows), np.float32)
    finite = np.isfinite(answers).all(axis=1)
    if not finite.all():
        raise ValueError(f"tests: the model's answer to row {int(np.argmin(finite))} is not finite")
    return SelfTest.of(layers, rows, answers)


def _written(program: Program, path: Any, files: dict[str, str]) -> Exported:
    if path is not None:
        from ..io import atomic

        folder = os.path.dirname(os.fsdecode(os.fspath(path)))
        for file, text in reversed(files.items()):  # the header first: a .c file that is there can be compiled
            atomic.write(os.path.join(folder, file), [text.encode("ascii")])
    return Exported(program.name, files, program.plan.flash, program.ram, STACK_BYTES)
