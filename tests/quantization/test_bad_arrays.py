"""Arrays that are not what they should be: copied where harmless, else refused in one line, changing nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from guarded import guarded
from sprat.quantization import choose_qparams, dequantize, fake_quantize, quantize, value_range
from support import assert_same_bits, misaligned, unchanged

X = np.arange(24, dtype=np.float32).reshape(4, 6) - 12


@pytest.mark.parametrize(
    "x",
    [
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X[::-1][::-1],
        X.astype(">f4"),
        misaligned(X),
        X.tolist(),
    ],
    ids=["fortran", "strided", "reversed", "byte-swapped", "misaligned", "list"],
)
def test_any_layout_of_an_input(x: Any) -> None:
    assert_same_bits(quantize(x, 0.5, 1), quantize(X, 0.5, 1))
    assert_same_bits(np.float32(fake_quantize(x, 0.5, 1)), fake_quantize(X, 0.5, 1))


def test_read_only_input() -> None:
    x = X.copy()
    x.flags.writeable = False
    assert_same_bits(quantize(x, 0.5), quantize(X, 0.5))
    with pytest.raises(ValueError, match=r"^out: wanted a writable array"):
        fake_quantize(x, 0.5, out=x)


def test_empty() -> None:
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 4)]:
        x = np.empty(shape, np.float32)
        assert quantize(x, 1.0).shape == shape
        assert dequantize(x.astype(np.int8), 1.0).shape == shape
        assert fake_quantize(x, 1.0).shape == shape
        for axis in range(len(shape)):
            assert quantize(x, np.ones(shape[axis]), axis=axis).shape == shape


def test_zero_dimensional() -> None:
    assert quantize(np.float32(3.2), 1.0) == np.int8(3)
    assert quantize(np.float32(3.2), 1.0).shape == ()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: quantize(X.astype(np.float16), 1.0), TypeError, "x: wanted float32 or float64, got float16"),
        (lambda: quantize(X.astype(int), 1.0), TypeError, "x: wanted float32 or float64, got int64"),
        (lambda: quantize(X, 0.0), ValueError, r"scale\[0\]: wanted a finite positive number, got 0"),
        (lambda: quantize(X, -1.0), ValueError, r"scale\[0\]: wanted a finite positive number, got -1"),
        (lambda: quantize(X, np.nan), ValueError, r"scale\[0\]: wanted a finite positive number, got -?nan"),
        (lambda: quantize(X, np.inf), ValueError, r"scale\[0\]: wanted a finite positive number, got inf"),
        (lambda: quantize(X, 1e-60), ValueError, r"scale\[0\]: wanted a finite positive number, got 0"),
        (lambda: quantize(X, [1, 1, 0, 1], axis=0), ValueError, r"scale\[2\]: wanted a finite positive"),
        (lambda: quantize(X, [1.0, 2.0]), ValueError, r"scale: wanted one number without axis, got shape \(2,\)"),
        (lambda: quantize(X, [1.0, 2.0], axis=0), ValueError, r"scale: wanted shape \(4,\)"),
        (lambda: quantize(X, "1"), TypeError, "scale: wanted numbers"),
        (lambda: quantize(X, 1.0, 128), ValueError, "zero_point: wanted -128 to 127, got 128"),
        (lambda: quantize(X, 1.0, -1, dtype="uint8"), ValueError, "zero_point: wanted 0 to 255, got -1"),
        (lambda: quantize(X, 1.0, 0.5), TypeError, "zero_point: wanted integers, got float64"),
        (lambda: quantize(X, 1.0, 9, quant_max=8), ValueError, r"zero_point\[0\]: wanted -128 to 8, got 9"),
        (lambda: quantize(X, 1.0, axis=2), ValueError, "axis: wanted None or an axis"),
        (lambda: quantize(X, 1.0, dtype="int4x"), ValueError, "dtype: wanted int8 or uint8, got 'int4x'"),
        (lambda: quantize(X, 1.0, dtype="int16"), ValueError, "dtype: wanted int8 or uint8, got 'int16'"),
        (lambda: quantize(X, 1.0, quant_min=5, quant_max=5), ValueError, "quant_min, quant_max: wanted"),
        (lambda: quantize(X, 1.0, quant_min=-129), ValueError, "quant_min, quant_max: wanted"),
        (lambda: dequantize(X, 1.0), TypeError, "q: wanted int8 or uint8, got float32"),
        (lambda: dequantize(np.int8([1]), 1.0, dtype="float16"), ValueError, "dtype: wanted 'float32' or 'float64'"),
        (lambda: value_range(np.float32([])), ValueError, r"x: wanted at least one element, got shape \(0,\)"),
        (lambda: value_range(np.float32([1, np.nan, np.inf])), ValueError, "x: wanted finite numbers, 2 of 3"),
        (lambda: choose_qparams(1.0, -1.0), ValueError, r"range\[0\]: wanted finite numbers, min <= max"),
        (lambda: choose_qparams([0.0], 1.0), ValueError, "min, max: wanted two numbers or two rows"),
        (lambda: choose_qparams(0.0, np.inf), ValueError, r"range\[0\]: wanted finite numbers"),
    ],
)
def test_refusals(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message) as caught:
        call()
    assert "\n" not in str(caught.value)


def outs() -> dict[str, np.ndarray]:
    read_only = np.zeros((4, 6), np.int8)
    read_only.flags.writeable = False
    return {
        "read-only": read_only,
        "strided": np.zeros((4, 12), np.int8)[:, ::2],
        "fortran": np.zeros((6, 4), np.int8).T,
        "shape": np.zeros((6, 4), np.int8),
        "dtype": np.zeros((4, 6), np.uint8),
    }


@pytest.mark.parametrize("kind", outs())
def test_bad_out_is_refused_and_unchanged(kind: str) -> None:
    out = outs()[kind]
    check = unchanged(out)
    with pytest.raises((TypeError, ValueError), match=r"^out: wanted"):
        quantize(X, 1.0, out=out)
    check()


def test_bad_real_out_is_refused_and_unchanged() -> None:
    q = np.ones((4, 6), np.int8)
    for out in [misaligned(X), X.astype(">f4"), X.astype(np.float16), np.zeros(5, np.float32)]:
        check = unchanged(out)
        with pytest.raises((TypeError, ValueError), match=r"^out: wanted"):
            dequantize(q, 1.0, out=out)
        check()


def test_overlap_is_refused() -> None:
    buffer = np.zeros(100, np.float32)
    check = unchanged(buffer)
    with pytest.raises(ValueError, match=r"^out: overlaps x"):
        quantize(buffer[:50], 1.0, out=buffer.view(np.int8)[20:70])
    with pytest.raises(ValueError, match=r"^out: overlaps a part of x"):
        fake_quantize(buffer[:50], 1.0, out=buffer[1:51])
    with pytest.raises(ValueError, match=r"^out: overlaps q"):
        dequantize(buffer.view(np.int8)[:50], 1.0, out=buffer[:50])
    check()


def test_refused_scale_leaves_out_unchanged() -> None:
    out = np.full((4, 6), 77, np.int8)
    check = unchanged(out)
    with pytest.raises(ValueError, match="scale"):
        quantize(X, [1, 1, 1, np.nan], axis=0, out=out)
    check()


@pytest.mark.parametrize("n", [1, 5, 15, 16, 17, 63, 64, 65, 100])
def test_nothing_is_touched_beyond_the_ends(isa: str, n: int) -> None:
    """Arrays that end where unreadable memory begins, and that begin where it ends."""
    for at_end in (True, False):
        for real in (np.float32, np.float64):
            x, q, mask = guarded(n, real, at_end), guarded(n, np.int8, at_end), guarded(n, np.uint8, at_end)
            scale = guarded(n, real, at_end)
            x[:], scale[:] = np.linspace(-100, 100, n), 0.5
            quantize(x, 0.5, out=q)
            quantize(x, scale, axis=0, out=q)
            dequantize(q, scale, axis=0, out=x)
            dequantize(q, 0.5, out=x)
            fake_quantize(x, scale, axis=0, out=x)
            value_range(x)
            value_range(x, axis=0)
            mask[:] = quantize(x, 0.5, dtype="uint8", out=mask)
            assert_same_bits(q, quantize(np.linspace(-100, 100, n).astype(real), 0.5))


def test_canaries(isa: str) -> None:
    for n in range(70):
        frame = np.full(n + 40, 99, np.int8)
        x = np.linspace(-50, 50, n, dtype=np.float32)
        quantize(x, 1.0, out=frame[20 : 20 + n])
        assert (frame[:20] == 99).all()
        assert (frame[20 + n :] == 99).all()
        real = np.full(n + 40, 99, np.float32)
        dequantize(frame[20 : 20 + n], 1.0, out=real[20 : 20 + n])
        assert (real[:20] == 99).all()
        assert (real[20 + n :] == 99).all()
