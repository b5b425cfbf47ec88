"""libsprat's C ABI by ctypes, for tests that compare it with Python."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path

import numpy as np

import sprat
from sprat import _core
from support import assert_same_bits

OK, INVALID_ARGUMENT, UNSUPPORTED, FORMAT_ERROR, FILE_ERROR = 0, 1, 3, 5, 6
DTYPES = {0: np.dtype(np.float32), 1: np.dtype(np.float64)}


def path() -> Path:
    """The shared library that the installed package uses."""
    return Path(_core.__file__).parent / "lib" / "libsprat.so.1"


library = ctypes.CDLL(str(path()))

for name, result, arguments in (
    ("sprat_last_error", c_char_p, []),
    ("sprat_model_load_file", c_int32, [c_char_p, POINTER(c_void_p)]),
    ("sprat_model_load_memory", c_int32, [c_void_p, c_size_t, POINTER(c_void_p)]),
    ("sprat_model_destroy", None, [c_void_p]),
    ("sprat_model_kind", c_char_p, [c_void_p]),
    ("sprat_model_config", c_char_p, [c_void_p]),
    ("sprat_model_loss", c_char_p, [c_void_p]),
    ("sprat_model_in_features", c_int64, [c_void_p]),
    ("sprat_model_out_features", c_int64, [c_void_p]),
    ("sprat_model_dtype", c_int32, [c_void_p]),
    ("sprat_model_num_classes", c_int64, [c_void_p]),
    ("sprat_model_class_name", c_char_p, [c_void_p, c_int64]),
    ("sprat_model_mlp", c_void_p, [c_void_p]),
    ("sprat_model_params", c_void_p, [c_void_p]),
    ("sprat_model_mask", c_void_p, [c_void_p]),
    ("sprat_model_frozen", c_void_p, [c_void_p]),
    ("sprat_model_input_quant", c_void_p, [c_void_p]),
    ("sprat_mlp_num_params", c_int64, [c_void_p]),
    ("sprat_mlp_num_layers", c_int64, [c_void_p]),
    ("sprat_predictor_create_model", c_int32, [c_void_p, POINTER(c_void_p)]),
    ("sprat_predictor_destroy", None, [c_void_p]),
    ("sprat_predictor_run", c_int32, [c_void_p, c_void_p, c_int64, c_void_p]),
):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments


def run(command: Sequence[object], stdin: str = "", **environment: str) -> str:
    """What a command prints; an AssertionError with all it said where it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=900, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def last_error() -> str:
    """What the last refused call of this thread had to say."""
    return str(library.sprat_last_error().decode(errors="replace"))


class NativeModel:
    """A model that the C ABI has loaded."""

    def __init__(self, handle: c_void_p) -> None:
        self.handle = handle

    def __getattr__(self, name: str) -> object:
        """What sprat_model_<name>() says of it."""
        return getattr(library, f"sprat_model_{name}")(self.handle)

    def class_names(self) -> list[str]:
        count = library.sprat_model_num_classes(self.handle)
        return [library.sprat_model_class_name(self.handle, i).decode() for i in range(count)]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The outputs of a predictor that is made for this call; ValueError where there can be none."""
        predictor = c_void_p()
        if library.sprat_predictor_create_model(self.handle, byref(predictor)) != OK:
            raise ValueError(last_error())
        try:
            x = np.ascontiguousarray(x, DTYPES[library.sprat_model_dtype(self.handle)])
            out = np.empty((len(x), library.sprat_model_out_features(self.handle)), x.dtype)
            assert library.sprat_predictor_run(predictor, x.ctypes.data, len(x), out.ctypes.data) == OK, last_error()
            return out
        finally:
            library.sprat_predictor_destroy(predictor)


@contextmanager
def loaded(source: bytes | str | Path) -> Iterator[NativeModel]:
    """A model from bytes or a file; FormatError where the library refuses them as such, ValueError for the rest."""
    handle = c_void_p()
    if isinstance(source, bytes):
        status = library.sprat_model_load_memory(source, len(source), byref(handle))
    else:
        status = library.sprat_model_load_file(str(source).encode(), byref(handle))
    if status != OK:
        assert handle.value is None
        line = last_error()
        assert line, status
        assert "\n" not in line, line
        raise sprat.FormatError(line) if status == FORMAT_ERROR else ValueError(f"{status}: {line}")
    try:
        yield NativeModel(handle)
    finally:
        library.sprat_model_destroy(handle)


def accepts(source: bytes) -> bool:
    """Whether the library takes these bytes for a model."""
    handle = c_void_p()
    status = library.sprat_model_load_memory(source, len(source), byref(handle))
    library.sprat_model_destroy(handle)
    assert status in (OK, FORMAT_ERROR, UNSUPPORTED), last_error()
    return bool(status == OK)


def assert_same_answers(native: NativeModel, model: sprat.nn.Model, rows: int = 5) -> None:
    """The C predictor of a loaded model gives the bits of Python's."""
    x = np.random.default_rng(0).normal(size=(rows, model.in_features)).astype(model.dtype)
    try:
        expected = sprat.Predictor(model)._call(x)
    except ValueError as error:
        try:
            native.predict(x)
        except ValueError as same:
            assert str(same) == str(error)  # noqa: PT017 - both refuse, with one line
            return
        raise AssertionError(f"only Python refuses: {error}") from None
    assert_same_bits(native.predict(x), expected)
