"""Numbers as C text: exact, the same in every locale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConstantArray", "float_text"]

_WIDTH = 118


def float_text(x: float) -> str:
    """A float32 number in C99's hexadecimal form, which no compiler rounds.

    >>> from sprat.export.literals import float_text
    >>> float_text(0.1), float_text(-3.0), float_text(0.0)
    ('0x1.99999ap-4f', '-0x1.8p+1f', '0.0f')
    """
    value = float(np.float32(x))
    if value == 0:
        return "-0.0f" if np.signbit(value) else "0.0f"
    mantissa, exponent = value.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}f"


@dataclass(frozen=True)
class ConstantArray:
    """A constant array of the generated file.

    >>> import numpy as np
    >>> from sprat.export.literals import ConstantArray
    >>> print(ConstantArray("@w", "int8_t", np.int8([1, -2])).text("static const"))
    static const int8_t @w[2] = {
      1,-2};
    """

    name: str
    type: str
    values: NDArray[Any]

    @property
    def nbytes(self) -> int:
        """Bytes in flash."""
        return self.values.nbytes

    def text(self, storage: str) -> str:
        """Its definition."""
        flat = self.values.ravel()
        words = [float_text(x) for x in flat] if flat.dtype == np.float32 else [str(x) for x in flat.tolist()]
        lines, line = [], "  "
        for word in words:
            if len(line) + len(word) + 1 > _WIDTH:
                lines.append(line)
                line = "  "
            line += f"{word},"
        lines.append(line.rstrip(","))
        return f"{storage} {self.type} {self.name}[{flat.size}] = {{\n" + "\n".join(lines) + "};"
