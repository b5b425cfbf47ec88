"""The self-test of generated files: stored rows, and what the library answers for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..packing import PackedLayer
from .bound import plain_bound, ulp_of
from .literals import ConstantArray

__all__ = ["SelfTest", "typical_rows"]

_FUNCTION = """
{function} int {name}(void) {{
  static {memory} memory;
  static float x[{inputs}], y[{outputs}];
  int wrong = 0;
  uint32_t row, i;
  volatile float one = 0x1.001p+0f, less = -0x1.002p+0f; /* one * one + less is 0, or 2^-24 when fused */
  const float square = one * one;
  if (square + less > 0.0f) return -1;
  for (row = 0; row < {rows}u; ++row) {{
    int differs = 0;
    memcpy(x, {prefix}rows + row * {inputs}u, sizeof x);
    {call};
{compare}
    wrong += differs;
  }}
  return wrong;
}}
"""

_BITS = """    differs = memcmp(y, {prefix}answers + row * {outputs}u, sizeof y) != 0;
    for (i = 0; i < {outputs}u; ++i) differs |= !(y[i] == y[i]);"""

_BITS_OR_ULP = """#if @@FMA == 2
    for (i = 0; i < {outputs}u; ++i) {{
      const float apart = y[i] - {prefix}answers[row * {outputs}u + i];
      differs |= !(apart <= {prefix}bounds[row] && -apart <= {prefix}bounds[row]);
    }}
#else
{bits}
#endif"""

_MAIN = """
#if @@SELF_TEST != 2 /* 2: the function alone, for a main of your own or a target without stdio */
#include <stdio.h>
int main(void) {{
  const int wrong = {call};
  if (wrong < 0) {{
    printf("$: the compiler fuses products with sums; wanted -ffp-contract=off\\n");
  }} else if (wrong > 0) {{
    printf("$: %d of {rows} rows differ\\n", wrong);
  }} else {{
    printf("$: {rows} rows, no difference\\n");
  }}
  return wrong != 0;
}}
#endif"""


@dataclass(frozen=True)
class SelfTest:
    """Rows and answers, and how far plain sums may be from these.

    >>> import numpy as np
    >>> from sprat.export.selftest import SelfTest
    >>> SelfTest(np.zeros((2, 4), np.float32), np.ones((2, 1), np.float32), None).plain_ulp
    0
    """

    rows: NDArray[np.float32]
    answers: NDArray[np.float32]
    bound: NDArray[np.float64] | None  # of each row and output; None: only bits count

    @classmethod
    def of(cls, layers: Sequence[PackedLayer], rows: NDArray[np.float32], answers: NDArray[np.float32]) -> SelfTest:
        """The test of a chain of layers."""
        if any(layer.is_integer for layer in layers):
            return cls(rows, answers, None)
        return cls(rows, answers, plain_bound(layers, rows))

    @property
    def plain_ulp(self) -> int:
        """The bound in units in the last place of each row's largest answer, the largest of all rows."""
        if self.bound is None:
            return 0
        return int(np.ceil((self.bound.max(axis=1) / ulp_of(self.answers)).max()))

    def text(self, storage: str, function: str, call: str, memory: str) -> str:
        """Constants and the function, for C or C++."""
        is_c = function == "static"
        arrays = [
            ConstantArray("@test_rows", "float", self.rows),
            ConstantArray("@test_answers", "float", self.answers),
        ]
        sizes: dict[str, Any] = {
            "rows": len(self.rows), "inputs": self.rows.shape[1], "outputs": self.answers.shape[1],
            "prefix": "@test_", "call": call, "memory": memory,
        }  # fmt: skip
        compare = _BITS.format(**sizes)
        guarded = ""
        if self.bound is not None:
            bounds = self.plain_ulp * ulp_of(self.answers).astype(np.float64)
            stored = ConstantArray("@test_bounds", "float", bounds.astype(np.float32)).text(storage)
            guarded = f"\n#if @@FMA == 2\n{stored}\n#endif"
            compare = _BITS_OR_ULP.format(bits=compare, **sizes)
        body = _FUNCTION.format(
            function="" if is_c else "inline", name="@self_test" if is_c else "self_test", compare=compare, **sizes
        ).strip()
        constants = "\n\n".join(array.text(storage) for array in arrays) + guarded
        main = self.main_text("@self_test()") if is_c else ""
        return (
            f"#ifdef @@SELF_TEST\n{constants}\n\n{body}\n{main}\n#endif"
            if is_c
            else (f"#ifdef @@SELF_TEST\n{constants}\n\n{body}\n#endif")
        )

    def main_text(self, call: str) -> str:
        """The main function that runs it and says how it went."""
        main = _MAIN.format(call=call, rows=len(self.rows)).strip()
        return main if call.startswith("@") else f"#ifdef @@SELF_TEST\n{main}\n#endif"


def typical_rows(layers: Sequence[PackedLayer], count: int) -> NDArray[np.float32]:
    """Normal numbers; where the input has fixed codes, such as reach all of them and a little beyond.

    >>> import sprat
    >>> from sprat.export.plan import layers_of
    >>> from sprat.export.selftest import typical_rows
    >>> typical_rows(layers_of(sprat.nn.MLP([4, 2])), 3).shape
    (3, 4)
    """
    rng = np.random.default_rng(0)
    shape = count, layers[0].in_features
    qparams = layers[0].input_qparams
    if qparams is None:
        return rng.standard_normal(shape).astype(np.float32)
    scale, zero = qparams
    return ((rng.uniform(-8, 263, shape) - zero) * scale).astype(np.float32)
