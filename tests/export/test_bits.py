"""Thousands of rows, and dense samples of every activation: the bits of the library, in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sprat
from export.models import inputs
from export.programs import Library, names_in
from sprat.nn import activations
from sprat.nn.model import Model
from tools import need

IN_PRODUCT = ("identity", "relu")


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """NaN counts as NaN, whatever its payload."""
    return bool(((a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))).all())


@pytest.fixture(scope="module")
def library(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    need("g++")
    functions = [
        f"void apply_{name}(const float *x, uint32_t n, float *y) {{\n  uint32_t i;\n"
        f"  for (i = 0; i < n; ++i) y[i] = float_{name}_{name}(x[i]);\n}}"
        for name in activations.NAMES
        if name not in IN_PRODUCT
    ]
    return Library(exported, tmp_path_factory.mktemp("library"), names_in(exported), ["-O1"], "\n".join(functions))


def test_rows_of_any_size(library: Library, models: dict[str, Model]) -> None:
    for name, model in models.items():
        predict = sprat.Predictor(model)
        for scale in (1e-3, 1, 30):
            x = inputs(model, 100, seed=7) * np.float32(scale)
            assert same_bits(library.predict(name, x, model.out_features), predict(x)), name


def test_not_a_number_and_infinity(library: Library, models: dict[str, Model]) -> None:
    for name, model in models.items():
        x = inputs(model, 60, seed=8)
        x[::3, 0] = np.nan
        x[1::3, -1] = np.inf
        x[2::3, 0] = -np.inf
        x[::5] = 0
        assert same_bits(library.predict(name, x, model.out_features), sprat.Predictor(model)(x)), name


@pytest.mark.parametrize("name", [name for name in activations.NAMES if name not in IN_PRODUCT])
def test_activations(library: Library, name: str, rng: np.random.Generator) -> None:
    every = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)  # all exponents, NaN too
    ends = np.float32(
        [0.0, 1, 3, 3.95, 5.6, 6, 10, 20, 87, 88.7, 89, 103.9, 104, 1000, np.inf, np.finfo(np.float32).max]
    )
    near = (ends.view(np.int32)[:, None] + np.arange(-40, 40)).astype(np.int32).view(np.float32).ravel()
    ordinary = rng.uniform(-20, 20, 300_000).astype(np.float32)
    x = np.concatenate([every, near, -near, ordinary])
    y = np.empty_like(x)
    library.call(f"apply_{name}", x, y)
    assert same_bits(y, activations.apply(name, x))


@pytest.mark.parametrize("integers", [0, 1], ids=["double", "integers"])
def test_fused_multiply_add_in_software(
    exported: Path, tmp_path: Path, rng: np.random.Generator, integers: int
) -> None:
    """Against the processor's, or the C library's: random bits, and products that nearly cancel the addend."""
    text = (
        f"#define FLOAT_TANH_FMA 0\n#define FLOAT_TANH_INTEGER_FMA {integers}\n#include <math.h>\n"
        '#include "float_tanh.c"\n'
        "void ours(const float *x, uint32_t n, float *y) {\n  uint32_t i;\n"
        "  for (i = 0; i < n; ++i) y[i] = float_tanh_fma(x[3 * i], x[3 * i + 1], x[3 * i + 2]);\n}\n"
        "void theirs(const float *x, uint32_t n, float *y) {\n  uint32_t i;\n"
        "  for (i = 0; i < n; ++i) y[i] = fmaf(x[3 * i], x[3 * i + 1], x[3 * i + 2]);\n}\n"
    )
    fma = Library(exported, tmp_path, [], ["-O2", "-fsanitize=undefined", "-fno-sanitize-recover"], text)
    wild = rng.integers(0, 2**32, (300_000, 3), dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = rng.standard_normal((300_000, 3)).astype(np.float32)
    near[:, 2] = -(near[:, 0] * near[:, 1])
    tiny = near * np.float32(2.0**-70)
    tiny[:, 2] = rng.integers(0, 2**24, len(tiny)).astype(np.uint32).view(np.float32)
    few = (rng.integers(1, 2**12, (300_000, 3)) * 2.0 ** rng.integers(-80, 3, (300_000, 3))).astype(np.float32)
    x = np.concatenate([wild, near, tiny, few])
    ours, theirs = (np.empty(len(x), np.float32) for _ in range(2))
    fma.call("ours", x, ours)
    fma.call("theirs", x, theirs)
    assert same_bits(ours, theirs)
