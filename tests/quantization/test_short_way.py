"""What goes straight to native code gives what the checking way gives: the same arrays, the same refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sprat import _core
from sprat.quantization import arrays, choose_qparams, dequantize, fake_quantize, quantize
from support import assert_same_bits, misaligned, unchanged

CALLS = ["quantize_call", "dequantize_call", "fake_quantize_call"]


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Runs a call with the short way closed."""

    def run(call: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(arrays._core, name, lambda *arguments: None)
            return call()

    return run


def is_short(call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the native side took the call."""
    taken: list[bool] = []
    with monkeypatch.context() as patch:
        for name in CALLS:
            native = getattr(_core, name)

            def watched(*arguments: Any, native: Any = native) -> Any:
                result = native(*arguments)
                taken.append(result is not None)
                return result

            patch.setattr(arrays._core, name, watched)
        call()
    return taken == [True]


X = np.linspace(-70, 70, 4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5)
Q = np.arange(-30, 30, dtype=np.int8).reshape(4, 3, 5)
SCALES = np.array([0.5, 0.25, 0.7], np.float32)
ZEROS = np.array([3, -4, 0], np.int8)
SHORT: dict[str, Callable[[], Any]] = {
    "per tensor": lambda: quantize(X, 0.5, 3),
    "numpy scalars": lambda: quantize(X, np.float32(0.3), np.int32(3)),
    "float64 scale": lambda: quantize(X, np.float64(0.3)),
    "uint8": lambda: quantize(X, 0.7, 130, dtype="uint8"),
    "dtype object": lambda: quantize(X, 0.7, 130, dtype=np.dtype("uint8")),
    "range": lambda: quantize(X, 0.5, 1, quant_min=-7, quant_max=9),
    "per channel": lambda: quantize(X, SCALES, ZEROS, axis=1),
    "negative axis": lambda: quantize(X, SCALES, ZEROS, axis=-2),
    "one zero for all": lambda: quantize(X, SCALES, axis=1),
    "zeros of choose_qparams": lambda: quantize(X, *choose_qparams([-9.0] * 5, [9.0] * 5), axis=2),
    "out": lambda: quantize(X, 0.5, out=np.empty((4, 3, 5), np.int8)),
    "float64": lambda: quantize(X.astype(np.float64), 0.5),
    "empty": lambda: quantize(X[:0], 0.5),
    "no dimensions": lambda: quantize(np.array(1.2, np.float32), 0.5),
    "dequantize": lambda: dequantize(Q, 0.5, 3),
    "dequantize per channel": lambda: dequantize(Q, SCALES, ZEROS, axis=1),
    "dequantize to float64": lambda: dequantize(Q, 0.3, 3, dtype="float64"),
    "dequantize into float64": lambda: dequantize(Q, 0.3, 3, out=np.empty(Q.shape)),
    "fake": lambda: fake_quantize(X, 0.5, 3),
    "fake in place": lambda: (lambda x: fake_quantize(x, 0.5, 3, out=x))(X.copy()),
    "fake per channel": lambda: fake_quantize(X, SCALES, ZEROS, axis=1, quant_max=20),
}


@pytest.mark.parametrize("name", SHORT)
def test_same_result(name: str, long_way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_short(SHORT[name], monkeypatch)
    assert_same_bits(SHORT[name](), long_way(SHORT[name]))


LONG: dict[str, Callable[[], Any]] = {
    "list": lambda: quantize([1.0, 2.0], 0.5),
    "strided": lambda: quantize(X[:, ::2], 0.5),
    "byte-swapped": lambda: quantize(X.astype(">f4"), 0.5),
    "misaligned": lambda: quantize(misaligned(X), 0.5),
    "scale of another type": lambda: quantize(X, SCALES.astype(np.float64), ZEROS, axis=1),
    "int scale": lambda: quantize(X, 2),
    "list of scales": lambda: quantize(X, [0.5, 0.25, 0.7], axis=1),
    "zero points of another type": lambda: quantize(X, SCALES, ZEROS.astype(np.int64), axis=1),
    "one zero point for all": lambda: quantize(X, SCALES, 3, axis=1),
    "type object": lambda: quantize(X, 0.5, dtype=np.int8),
    "subclass": lambda: quantize(X.view(np.matrix) if X.ndim == 2 else X[0].view(np.matrix), 0.5),
    "no channels": lambda: quantize(np.empty((2, 0), np.float32), np.empty(0, np.float32), axis=1),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", LONG)
def test_what_it_leaves_to_the_long_way(name: str, long_way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_short(LONG[name], monkeypatch)
    assert_same_bits(LONG[name](), long_way(LONG[name]))


OUT = np.zeros((4, 3, 5), np.int8)
BUFFER = np.ones(100, np.float32)
REFUSED: dict[str, Callable[[], Any]] = {
    "x": lambda: quantize(X.astype(np.float16), 0.5),
    "masked": lambda: quantize(np.ma.masked_array(X, X > 0), 0.5),
    "scale 0": lambda: quantize(X, 0.0, out=OUT),
    "scale nan": lambda: quantize(X, float("nan"), out=OUT),
    "scale too large": lambda: quantize(X, 1e39, out=OUT),
    "scale below float32": lambda: quantize(X, -1e300, out=OUT),
    "scale too small": lambda: quantize(X, 1e-60, out=OUT),
    "scale of a channel": lambda: quantize(X, np.array([1, -1, 1], np.float32), axis=1, out=OUT),
    "number of scales": lambda: quantize(X, SCALES[:2], axis=1),
    "scales without axis": lambda: quantize(X, SCALES),
    "zero point": lambda: quantize(X, 0.5, 128, out=OUT),
    "zero point of uint8": lambda: quantize(X, 0.5, -1, dtype="uint8"),
    "zero point of a channel": lambda: quantize(X, SCALES, np.array([0, 999, 0], np.int32), axis=1, out=OUT),
    "zero point beyond 64 bits": lambda: quantize(X, 0.5, 2**70),
    "zero point not in range": lambda: quantize(X, 0.5, 9, quant_max=8, out=OUT),
    "no zero in range": lambda: quantize(X, SCALES, axis=1, quant_min=3, quant_max=8, out=OUT),
    "range": lambda: quantize(X, 0.5, quant_min=5, quant_max=5, out=OUT),
    "range beyond": lambda: quantize(X, 0.5, quant_max=128, out=OUT),
    "axis": lambda: quantize(X, SCALES, axis=3),
    "axis type": lambda: quantize(X, SCALES, axis=1.5),
    "dtype": lambda: quantize(X, 0.5, dtype="int16"),
    "out shape": lambda: quantize(X, 0.5, out=OUT[:3]),
    "out type": lambda: quantize(X, 0.5, dtype="uint8", out=OUT),
    "out overlaps x": lambda: quantize(BUFFER[:50], 0.5, out=BUFFER.view(np.int8)[20:70]),
    "out overlaps scale": lambda: fake_quantize(X, BUFFER[57:60], axis=1, out=BUFFER[:60].reshape(X.shape)),
    "fake out overlaps a part of x": lambda: fake_quantize(BUFFER[:50], 0.5, out=BUFFER[1:51]),
    "q": lambda: dequantize(X, 0.5),
    "dequantized dtype": lambda: dequantize(Q, 0.5, dtype="float16"),
    "dequantized out": lambda: dequantize(Q, 0.5, out=np.zeros((4, 3, 5), np.float16)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_same_refusal(name: str, long_way: Any) -> None:
    check = unchanged(OUT, BUFFER)
    with pytest.raises((TypeError, ValueError)) as short:
        REFUSED[name]()
    with pytest.raises((TypeError, ValueError)) as long:
        long_way(REFUSED[name])
    assert type(short.value) is type(long.value)
    assert str(short.value) == str(long.value)
    check()


def test_native_functions_want_all_arguments() -> None:
    for name in CALLS:
        with pytest.raises(TypeError, match="^wanted [68] arguments, got 1$"):
            getattr(_core, name)(X)
