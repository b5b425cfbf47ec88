"""The generated text: one C99 file and its header, or one C++17 header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..packing import PackedLayer
from .activations import ACTIVATIONS, IN_PRODUCT
from .arithmetic import ARITHMETIC, FMA_OF_SUMS
from .floats import FLOATS
from .integers import INTEGERS
from .pieces import Piece, in_order, named
from .plan import Plan
from .selftest import SelfTest

__all__ = ["PIECES", "STACK_BYTES", "Program"]

PIECES: dict[str, Piece] = {**ARITHMETIC, **ACTIVATIONS, **FLOATS, **INTEGERS}

# What a call takes of the stack, whatever the model: tests read it from the compilers, at every level of optimization.
STACK_BYTES = 768

_FMA = """
/* How a * b + c is formed. 1: by the processor's fused multiply-add. 0: the same number in software, slower: where there
 * is no such instruction. 2: rounded twice, in the sums of products alone: as fast as can be without, within
 * @@PLAIN_ULP. */
#ifndef @@FMA
#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__)
#define @@FMA 1
#else
#define @@FMA 0
#endif
#endif
#if @@FMA == 1
#include <math.h>
#endif
/* Whether it is formed in integers: where there is no double in hardware. */
#ifndef @@INTEGER_FMA
#if @@FMA != 1 && ((defined(__arm__) && (!defined(__ARM_FP) || (__ARM_FP & 8) == 0)) || defined(__riscv_float_abi_soft))
#define @@INTEGER_FMA 1
#else
#define @@INTEGER_FMA 0
#endif
#endif
"""

_ONLY_EXACT = """
#if @@FMA == 2
#error "@@FMA: wanted 0 or 1; with integers behind them sums must be exact"
#endif
"""

_PATHS = """
/* Instructions for products of bytes, used where the compiler has them: @@PLAIN_C leaves them out. */
#if defined(@@PLAIN_C) || !defined(__GNUC__)
#define @@DSP 0
#define @@NEON 0
#elif defined(__ARM_NEON)
#define @@DSP 0
#define @@NEON 1
#elif defined(__ARM_FEATURE_DSP) && !defined(__aarch64__)
#define @@DSP 1
#define @@NEON 0
#else
#define @@DSP 0
#define @@NEON 0
#endif
#if @@NEON
#include <arm_neon.h>
#endif
"""

# 32-bit NEON flushes denormal numbers to zero: not for floats.
_NEON_FLOAT = """
#if defined(__ARM_NEON) && defined(__aarch64__) && @@FMA == 1 && !defined(@@PLAIN_C)
#define @@NEON_FLOAT 1
#include <arm_neon.h>
#else
#define @@NEON_FLOAT 0
#endif
"""

_CHECKS = """
#if defined(__FAST_MATH__)
#error "$: -ffast-math changes results; compile this file without it"
#endif
#if !defined(FLT_EVAL_METHOD) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16)
#error "$: floats must be computed as floats; on 32-bit x86 with -msse2 -mfpmath=sse"
#endif
#if (-1 >> 1) != -1
#error "$: wanted a compiler that shifts the sign in"
#endif
"""

# No product may be fused with a sum unless the text says so. gcc does not know C99's pragma, clang not gcc's.
_NO_CONTRACTION = """
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif
"""
_CONTRACTION_AGAIN = """
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
"""


@dataclass(frozen=True)
class Program:
    """A plan with a name, and the texts made of it.

    >>> import sprat
    >>> from sprat.export.plan import layers_of, plan_of
    >>> from sprat.export.program import Program
    >>> layers = layers_of(sprat.nn.MLP([2, 1]))
    >>> program = Program("tiny", layers, plan_of(layers), None)
    >>> "void tiny_predict(tiny_memory *memory, const float *x, float *y);" in program.header()
    True
    """

    name: str
    layers: Sequence[PackedLayer]
    plan: Plan
    test: SelfTest | None
    has_encoder: bool = False

    @property
    def ram(self) -> int:
        """Bytes of the memory that a call is given."""
        return 4 * max(1, sum(self.plan.buffers))

    def header(self) -> str:
        """The header of the C file."""
        text = f"""{self._comment("c")}
#ifndef @@H
#define @@H

#ifdef __cplusplus
extern "C" {{
#endif

#define @@INPUTS {self.plan.inputs}
#define @@OUTPUTS {self.plan.outputs}
/* A call takes at most so much of the stack, by gcc up to -O2; what it calls of the compiler's own (arithmetic that the
 * processor lacks) and of math.h comes on top. */
#define @@STACK_BYTES {STACK_BYTES}{self._bound()}

/* Activations between the layers. A call leaves nothing in it that matters; two calls at once need two. */
typedef struct @memory {{
{self._memory_fields()}
}} @memory;

/* x has @@INPUTS numbers, y gets @@OUTPUTS; they may not overlap. */
void @predict(@memory *memory, const float *x, float *y);

#ifdef @@SELF_TEST
/* How many of the stored rows have other answers here; -1: the compiler fuses products with sums. */
int @self_test(void);
#endif

#ifdef __cplusplus
}}
#endif
#endif
"""
        return named(text, self.name)

    def source(self, header: str) -> str:
        """The C file, which includes a header of this name."""
        parts = [
            f'#include "{header}"\n\n#include <float.h>\n#include <stdint.h>\n#include <string.h>',
            *self._ground(),
            _NO_CONTRACTION,
            *(array.text("static const") for array in self.plan.arrays),
            *self._pieces(),
            f"void @predict(@memory *memory, const float *x, float *y) {{\n{self._body('memory->')}\n}}",
        ]
        if self.test is not None:
            parts.append(self.test.text("static const", "static", "@predict(&memory, x, y)", "@memory"))
        return named(_joined([*parts, _CONTRACTION_AGAIN]), self.name)

    def cpp(self) -> str:
        """The C++ header."""
        pieces = [re.sub(r"^(@@SELDOM )?static (inline )?", r"\1inline ", text, flags=re.M) for text in self._pieces()]
        arrays = [array.text("inline constexpr") for array in self.plan.arrays]
        body = self._body("memory.").replace("@", "detail::@")
        parts = [
            f"{self._comment('cpp')}\n#ifndef @@HPP\n#define @@HPP",
            "#include <float.h>\n#include <stdint.h>\n#include <string.h>\n\n#include <array>\n#include <cstddef>",
            *self._ground(),
            _NO_CONTRACTION,
            f"namespace {self.name} {{",
            f"inline constexpr std::size_t inputs = {self.plan.inputs}, outputs = {self.plan.outputs};\n"
            f"// Of the stack, at most, for a call that is given its memory.\n"
            f"inline constexpr std::size_t stack_bytes = {STACK_BYTES};{self._bound()}",
            "namespace detail {",
            *arrays,
            *pieces,
            "}  // namespace detail",
            f"// Activations between the layers. A call leaves nothing in it that matters; two calls at once need two.\n"
            f"struct Memory {{\n{self._memory_fields()}\n}};",
            f"// x has `inputs` numbers, y gets `outputs`; they may not overlap.\n"
            f"inline void predict(Memory& memory, const float* x, float* y) noexcept {{\n{body}\n}}",
            "// The same, with its memory on the stack.\n"
            "inline std::array<float, outputs> predict(const std::array<float, inputs>& x) noexcept {\n"
            "  Memory memory;\n  std::array<float, outputs> y;\n  predict(memory, x.data(), y.data());\n  return y;\n}",
        ]
        if self.test is not None:
            parts.append(self.test.text("inline constexpr", "inline", "predict(memory, x, y)", "Memory"))
        parts += [f"}}  // namespace {self.name}"]
        if self.test is not None:
            parts.append(self.test.main_text(f"{self.name}::self_test()"))
        undefined = [
            f"#undef @@{macro}" for macro in ("DSP", "NEON", "NEON_FLOAT", "NEON_SUMS", "NEON_ADD", "NEON_LANES", "FMA")
        ]
        undefined += [
            "#undef @add_product",
            "#undef @leading_zeros",
            "#undef @index",
            "#undef @@INTEGER_FMA",
            "#undef @@SELDOM",
        ]
        return named(_joined([*parts, _CONTRACTION_AGAIN, "\n".join(undefined), "#endif"]), self.name)

    def _pieces(self) -> list[str]:
        """Texts of all pieces in their order."""
        wanted = sorted(self.plan.pieces)
        callers = "".join(in_order({**PIECES, "fma": Piece(""), "add_product": Piece("")}, wanted))
        return in_order(PIECES if "@fma" in callers else {**PIECES, "fma": FMA_OF_SUMS}, wanted)

    def _uses(self, *names: str) -> bool:
        texts = "".join(self._pieces())
        return any(name in texts for name in names)

    @property
    def uses_fma(self) -> bool:
        """Whether anything is fused: not so for integers with relu."""
        return self._uses("@fma", "@add_product")

    @property
    def may_be_plain(self) -> bool:
        """Whether sums may be rounded twice: where nothing is rounded to codes behind them."""
        return not any(layer.is_integer for layer in self.layers)

    def _bound(self) -> str:
        if not self.may_be_plain or self.test is None:
            return ""
        return f"""
/* With @@FMA == 2 answers differ from the library's by at most so many units in the last place of a row's largest
 * answer: proven for the rows of the self-test (bounds of all roundings, worst case), not for rows of other sizes. */
#define @@PLAIN_ULP {self.test.plain_ulp}"""

    def _ground(self) -> list[str]:
        parts = []
        if self.uses_fma:
            parts.append(_FMA)
            if not self.may_be_plain:
                parts.append(_ONLY_EXACT)
        if self._uses("@@DSP"):
            parts.append(_PATHS)
        if self._uses("@@NEON_FLOAT"):
            parts.append(_NEON_FLOAT)
        parts.append(_CHECKS)
        if self._uses("@index"):
            parts.append(f"#define @index {self.plan.index_type}")
        return parts

    def _memory_fields(self) -> str:
        used = [(name, floats) for name, floats in zip("ab", self.plan.buffers, strict=True) if floats]
        return "\n".join(f"  float {name}[{floats}];" for name, floats in used or [("a", 1)])

    def _body(self, access: str) -> str:
        calls = self.plan.calls
        text = "\n".join(calls)
        lines = []
        for name in "ab":
            if re.search(rf"\b{name}\b", _without_comments(text)):
                lines.append(f"float *const {name} = {access}{name};")
            if f"{name}_codes" in text:
                lines.append(f"int8_t *const {name}_codes = (int8_t *){access}{name};")
        if self.plan.is_dynamic:
            lines += ["float row_scale;", "int32_t zero;"]
        if any(layer.activation not in IN_PRODUCT for layer in self.layers):
            lines.append("uint32_t i;")
        if not any(self.plan.buffers):
            lines.append("(void)memory;")
        return "\n".join(f"  {line}" for line in [*lines, *calls])

    def _comment(self, to: str) -> str:
        from .. import __version__

        sizes = "-".join(str(size) for size in [self.plan.inputs, *(layer.out_features for layer in self.layers)])
        kinds = dict.fromkeys(
            f"{layer.input} {layer.format}" if layer.is_integer else layer.format for layer in self.layers
        )
        activations = "/".join(dict.fromkeys(layer.activation for layer in self.layers))
        table = "\n * x is what the model's encoder makes of a row of its table." if self.has_encoder else ""
        exact = (
            "float32 answers have the library's bits (see @@FMA)"
            if self.may_be_plain
            else "answers have the library's bits"
        )
        return f"""/* A network, {sizes}, {activations}, {", ".join(kinds)}. Made by sprat {__version__}: sprat export --to {to}.
 *
 *   flash   {self.plan.flash} bytes of constants, and the code
 *   RAM     {self.ram} bytes, given by the caller; no heap, no recursion, nothing static that changes
 *   stack   at most {STACK_BYTES} bytes
 *
 * y is the network's raw output: {exact}.{table} */"""


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text)


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
