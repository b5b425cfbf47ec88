"""Products of float32 activations in C: sums of several outputs side by side, each one chain over ascending inputs."""

from __future__ import annotations

from .pieces import Piece

__all__ = ["FLOATS", "WIDTHS"]

# Outputs of a panel: as many sums, weights and an input fit the registers of a Cortex-M4F.
WIDTHS = (8, 4, 2, 1)

_RELU = """
static inline float @floored(float z, int relu) { return relu && 0.0f > z ? 0.0f : z; }
"""

_FROM_FLOAT16 = """
/* IEEE binary16 to float: exact, denormal numbers too. */
static inline float @from_float16(uint16_t half) {
  const float size = @from_bits((uint32_t)(half & 0x7fffu) << 13) * 5.19229686e33f; /* 2^112 */
  return half & 0x8000u ? -size : size;
}
"""

_FROM_BFLOAT16 = """
static inline float @from_bfloat16(uint16_t half) { return @from_bits((uint32_t)half << 16); }
"""


# A zero changes no sum but -0, which only underflow can have made: without floats in hardware it pays to look.
_IS_ZERO = """
#if @@INTEGER_FMA
static inline int @is_zero(float x) { return (@bits(x) << 1) == 0; }
#if @@FMA == 2
#define @may_skip(s) 1
#else
#define @may_skip(s) (@bits(s) != 0x80000000u)
#endif
#endif
"""


def _panel(width: int, weight: str) -> str:
    """Declares and computes s0, s1, ...: sums of `width` outputs over inputs v to end, weights [input][output]."""
    skips = " && ".join(f"@may_skip(s{i})" for i in range(width))
    lines = [f"    float {', '.join(f's{i} = 0.0f' for i in range(width))};", "    do {", "      const float a = *v++;"]
    lines += [
        "#if @@INTEGER_FMA",
        f"      if (@is_zero(a) && {skips}) {{",
        f"        w += {width};",
        "        continue;",
    ]
    lines += ["      }", "#endif"]
    lines += [f"      s{i} = @add_product({weight.format(i)}, a, s{i});" for i in range(width)]
    return "\n".join([*lines, f"      w += {width};", "    } while (v != end);"])


def _neon_panel(width: int) -> str:
    registers = range(width // 4)
    lines = [f"    float32x4_t {', '.join(f't{i} = vdupq_n_f32(0.0f)' for i in registers)};", "    do {"]
    lines += ["      const float a = *v++;"]
    lines += [f"      t{i} = vfmaq_n_f32(t{i}, vld1q_f32(w + {4 * i}), a);" for i in registers]
    lines += [f"      w += {width};", "    } while (v != end);"]
    lines += [f"    vst1q_f32(y + {4 * i}, vaddq_f32(t{i}, vld1q_f32(b + {4 * i})));" for i in registers]
    lines += ["    if (relu) {", "      uint32_t i;"]
    lines += [f"      for (i = 0; i < {width}; ++i) y[i] = @floored(y[i], 1);", "    }"]
    return "\n".join(lines)


def _stores(width: int) -> str:
    return "\n".join(f"    y[{i}] = @floored(s{i} + b[{i}], relu);" for i in range(width))


def _dense(width: int, weights: str) -> Piece:
    types = {"float32": "float", "float16": "uint16_t", "bfloat16": "uint16_t"}
    load = {"float32": "w[{}]", "float16": "@from_float16(w[{}])", "bfloat16": "@from_bfloat16(w[{}])"}[weights]
    body = f"{_panel(width, load)}\n{_stores(width)}"
    if weights == "float32" and width >= 4:
        body = f"#if @@NEON_FLOAT\n{_neon_panel(width)}\n#else\n{body}\n#endif"
    text = f"""
/* Panels of {width} outputs: weights lie as [input][output]. */
static void @dense{width}_{weights}(const {types[weights]} *w, const float *b, const float *x, uint32_t inputs,
    uint32_t panels, int relu, float *y) {{
  const float *const end = x + inputs;
  for (; panels != 0; --panels, b += {width}, y += {width}) {{
    const float *v = x;
{body}
  }}
}}
"""
    extra = () if weights == "float32" else (f"from_{weights}",)
    return Piece(text, ("add_product", "floored", "is_zero", *extra))


_LISTS = """
/* Of each output the inputs whose weights are not zero. */
static void @lists(const float *w, const @index *at, const @index *counts, const float *b, const float *x,
    uint32_t outputs, int relu, float *y) {
  for (; outputs != 0; --outputs) {
    uint32_t left = *counts++;
    float s = 0.0f;
    for (; left != 0; --left) s = @add_product(*w++, x[*at++], s);
    *y++ = @floored(s + *b++, relu);
  }
}
"""


def _listed_panel(width: int) -> str:
    sums = ", ".join(f"s{i} = 0.0f" for i in range(width))
    steps = "\n".join(f"      s{i} = @add_product(w[{i}], a, s{i});" for i in range(width))
    stores = "\n".join(f"  y[{i}] = @floored(s{i} + b[{i}], relu);" for i in range(width))
    return f"""
static const float *@listed{width}(const float *w, const @index *at, uint32_t count, const float *b, const float *x,
    int relu, float *y) {{
  float {sums};
  for (; count != 0; --count, w += {width}) {{
    const float a = x[*at++];
{steps}
  }}
{stores}
  return w;
}}
"""


# One list of inputs for sixteen outputs, as the library has it.
_BLOCKS = """
/* Sixteen outputs share a list of inputs; they lie as panels of 8, 4 and 1. */
static void @blocks(const float *w, const @index *at, const @index *counts, const float *b, const float *x,
    uint32_t outputs, int relu, float *y) {
  while (outputs != 0) {
    uint32_t left = outputs < 16u ? outputs : 16u;
    const uint32_t count = *counts++;
    outputs -= left;
    while (left != 0) {
      const uint32_t width = left >= 8u ? 8u : left >= 4u ? 4u : 1u;
      if (width == 8u) {
        w = @listed8(w, at, count, b, x, relu, y);
      } else if (width == 4u) {
        w = @listed4(w, at, count, b, x, relu, y);
      } else {
        w = @listed1(w, at, count, b, x, relu, y);
      }
      left -= width;
      b += width;
      y += width;
    }
    at += count;
  }
}
"""

FLOATS = {
    "floored": Piece(_RELU),
    "is_zero": Piece(_IS_ZERO, ("bits",)),
    "from_float16": Piece(_FROM_FLOAT16, ("from_bits",)),
    "from_bfloat16": Piece(_FROM_BFLOAT16, ("from_bits",)),
    "lists": Piece(_LISTS, ("add_product", "floored")),
    "blocks": Piece(_BLOCKS, ("listed8", "listed4", "listed1")),
    **{f"listed{width}": Piece(_listed_panel(width), ("add_product", "floored")) for width in (8, 4, 1)},
    **{
        f"dense{width}_{weights}": _dense(width, weights)
        for width in WIDTHS
        for weights in ("float32", "float16", "bfloat16")
    },
}
