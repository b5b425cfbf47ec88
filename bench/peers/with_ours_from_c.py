"""sprat from a loop in C, where Python takes no part: through sprat.cython_api, and libsprat itself beside it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

import sprat
from sprat import config, cython_api

from ..cases import Array
from ..native import library
from ..networks import Network
from ..problems import Quantizing
from ..tasks import Prepared, offers
from .with_ours import model_of

CALLS = 10_000  # in one loop


def _function(name: str) -> int:
    """The address of a function of the Cython module."""
    get_name, get = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.argtypes, get_name.restype = [ctypes.py_object], ctypes.c_char_p
    get.argtypes, get.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    capsule = cython_api.__pyx_capi__[name]
    return int(get(capsule, get_name(capsule)))


def _in_library(name: str) -> int:
    """The address of a function of libsprat, as a C program would call it."""
    function = getattr(ctypes.CDLL(str(config.library())), f"sprat_{name}")
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _loop(name: str, *arguments: Any) -> Prepared | None:
    """`CALLS` calls of a function of calls.cpp; None without a compiler."""
    loaded = library("calls.cpp")
    if loaded is None:
        return None
    loop = getattr(loaded, name)

    def call() -> None:
        if loop(*arguments, ctypes.c_int64(CALLS)) != 0:
            raise RuntimeError(f"{name} failed")

    return Prepared(call, lambda: None, times=CALLS)


def _pointer(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _predict(network: Network, find: Callable[[str], int]) -> Prepared | None:
    predictor = sprat.Predictor(model_of(network))
    x, out = network.x, np.empty((network.rows, network.sizes[-1]), network.dtype)
    handle = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(_function("predictor_of"))(predictor)
    run = ctypes.c_void_p(find("predictor_run"))
    prepared = _loop(
        "loop_predictor_run", run, ctypes.c_void_p(handle), _pointer(x), ctypes.c_int64(len(x)), _pointer(out)
    )
    if prepared is not None:
        kept = predictor, x  # they must outlive the addresses
        prepared.result = lambda: out if kept else None
    return prepared


@offers("predict from C", "sprat from Cython")
def predict(network: Network, threads: int) -> Prepared | None:
    """predictor_run"""
    return _predict(network, _function)


@offers("predict from C", "C")
def predict_c(network: Network, threads: int) -> Prepared | None:
    """sprat_predictor_run"""
    return _predict(network, _in_library)


class Quantizer(ctypes.Structure):
    """As in cython_api.pxd."""

    _fields_ = [
        ("size", ctypes.c_size_t), ("real", ctypes.c_int32), ("integer", ctypes.c_int32),
        ("quant_min", ctypes.c_int32), ("quant_max", ctypes.c_int32), ("outer", ctypes.c_int64),
        ("channels", ctypes.c_int64), ("inner", ctypes.c_int64), ("scales", ctypes.c_void_p),
        ("zero_points", ctypes.c_void_p),
    ]  # fmt: skip


def _quantize(problem: Quantizing, find: Callable[[str], int]) -> Prepared | None:
    x, out = problem.x, np.empty(problem.n, np.int8)
    scale, zero = np.float32([problem.scale]), np.int8([problem.zero_point])
    float32, int8 = 0, 2
    form = Quantizer(
        ctypes.sizeof(Quantizer), float32, int8, -128, 127, 1, 1, problem.n, scale.ctypes.data, zero.ctypes.data
    )
    prepared = _loop("loop_quantize", ctypes.c_void_p(find("quantize")), ctypes.byref(form), _pointer(x), _pointer(out))
    if prepared is not None:
        kept = form, scale, zero
        prepared.result = lambda: out if kept else None
    return prepared


@offers("quantize from C", "sprat from Cython")
def quantize(problem: Quantizing, threads: int) -> Prepared | None:
    """quantize, per tensor."""
    return _quantize(problem, _function)


@offers("quantize from C", "C")
def quantize_c(problem: Quantizing, threads: int) -> Prepared | None:
    """sprat_quantize, per tensor."""
    return _quantize(problem, _in_library)
