"""Products of codes in C: int8 by int8 with exact 32-bit sums, so that every way to form them gives the same.

Codes are the library's uint8 less 128, in int8: both factors are then of one type, which is what the instructions for
16-bit pairs and NEON want. The sums begin at (128 - zero_point) * sum_k w[k].
"""

from __future__ import annotations

from .pieces import Piece

__all__ = ["INTEGERS"]

_WORD = """
#if @@DSP || @@NEON
static inline uint32_t @word(const int8_t *four) {
  uint32_t word;
  memcpy(&word, four, sizeof word);
  return word;
}
#endif
"""

# Bytes 0 and 2, and bytes 1 and 3, of a word as pairs of 16 bits; and two products added to a sum.
_DSP = """
#if @@DSP
static inline uint32_t @even(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}
static inline uint32_t @odd(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}
static inline int32_t @dsp_add(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}
#endif
"""

_NEON = """
#if @@NEON
/* Lane o gets sum_k w[4 o + k] x[k], for four bytes of x in each lane. */
#if defined(__ARM_FEATURE_DOTPROD)
#define @@NEON_SUMS(name) int32x4_t name = vdupq_n_s32(0)
#define @@NEON_ADD(name, w, x) name = vdotq_s32(name, w, x)
#define @@NEON_LANES(name) name
#else
#define @@NEON_SUMS(name) int32x4_t name##_low = vdupq_n_s32(0), name##_high = vdupq_n_s32(0)
#define @@NEON_ADD(name, w, x)                                                              \\
  do {                                                                                       \\
    name##_low = vpadalq_s16(name##_low, vmull_s8(vget_low_s8(w), vget_low_s8(x)));          \\
    name##_high = vpadalq_s16(name##_high, vmull_s8(vget_high_s8(w), vget_low_s8(x)));       \\
  } while (0)
#define @@NEON_LANES(name)                                                                  \\
  vcombine_s32(vpadd_s32(vget_low_s32(name##_low), vget_high_s32(name##_low)),               \\
               vpadd_s32(vget_low_s32(name##_high), vget_high_s32(name##_high)))
#endif
static inline int8x16_t @four_times(const int8_t *four) {
  return vreinterpretq_s8_s32(vdupq_n_s32((int32_t)@word(four)));
}
#endif
"""


def _plain_four(outputs: int) -> str:
    """Four inputs of each of the outputs: loads of x once, then products in the order of the weights."""
    lines = [f"    const int32_t {', '.join(f'x{i} = x[{i}]' for i in range(4))};"]
    for o in range(outputs):
        lines += [f"    s{o} += w[{4 * o + i}] * x{i};" for i in range(4)]
    return "\n".join(lines)


def _dsp_four(outputs: int) -> str:
    lines = ["    const uint32_t v = @word(x), even = @even(v), odd = @odd(v);"]
    for o in range(outputs):
        lines.append(f"    const uint32_t w{o} = @word(w + {4 * o});")
    for o in range(outputs):
        lines.append(f"    s{o} = @dsp_add(@odd(w{o}), odd, @dsp_add(@even(w{o}), even, s{o}));")
    return "\n".join(lines)


def _dot(outputs: int, listed: bool) -> str:
    """The function that adds products of `outputs` rows to s; listed: of the fours of inputs in a list alone."""
    name = f"@dot{outputs}" + ("_listed" if listed else "")
    parameters = "const int8_t *w, const int8_t *x, uint32_t fours, int32_t *s"
    if listed:
        parameters = "const int8_t *w, const int8_t *codes, const @index *at, uint32_t fours, int32_t *s"
    step = f"--fours, w += {4 * outputs}" + ("" if listed else ", x += 4")
    find = "    const int8_t *const x = codes + 4u * *at++;\n" if listed else ""
    declared = ", ".join(f"s{o} = s[{o}]" for o in range(outputs))
    stored = "\n".join(f"  s[{o}] = s{o};" for o in range(outputs))
    neon_begin = neon_end = ""
    if outputs == 4:
        neon_begin = f"""#if @@NEON
  @@NEON_SUMS(sums);
  for (; fours != 0; {step}) {{
{find}    @@NEON_ADD(sums, vld1q_s8(w), @four_times(x));
  }}
  vst1q_s32(s, vaddq_s32(vld1q_s32(s), @@NEON_LANES(sums)));
#else
"""
        neon_end = "#endif\n"
    return f"""
static void {name}({parameters}) {{
{neon_begin}  int32_t {declared};
  for (; fours != 0; {step}) {{
{find}#if @@DSP
{_dsp_four(outputs)}
#else
{_plain_four(outputs)}
#endif
  }}
{stored}
{neon_end}}}
"""


def _plain_eight(outputs: int) -> str:
    lines = []
    for i in range(4):
        lines.append(f"    const int32_t low{i} = x[{i}], high{i} = x[{4 + i}];")
    for o in range(outputs):
        for i in range(4):
            b = f"(uint32_t)w[{4 * o + i}]"
            lines.append(f"    s{o} += @signed({b} << 28) * low{i};")
            lines.append(f"    s{o} += @signed(({b} & 0xf0u) << 24) * high{i};")
    return "\n".join(lines)


def _dsp_eight(outputs: int) -> str:
    lines = ["    const uint32_t v = @word(x), even = @even(v), odd = @odd(v);"]
    lines.append("    const uint32_t u = @word(x + 4), next_even = @even(u), next_odd = @odd(u);")
    for o in range(outputs):
        lines.append(f"    const uint32_t w{o} = @word((const int8_t *)w + {4 * o});")
        lines.append(f"    const uint32_t low{o} = (w{o} << 4) & 0xf0f0f0f0u, high{o} = w{o} & 0xf0f0f0f0u;")
        lines.append(f"    s{o} = @dsp_add(@odd(low{o}), odd, @dsp_add(@even(low{o}), even, s{o}));")
        lines.append(f"    s{o} = @dsp_add(@odd(high{o}), next_odd, @dsp_add(@even(high{o}), next_even, s{o}));")
    return "\n".join(lines)


def _dot_int4(outputs: int) -> str:
    declared = ", ".join(f"s{o} = 0" for o in range(outputs))
    dsp = "\n".join(f"  s[{o}] = s{o} / 16;" for o in range(outputs))
    plain = "\n".join(f"  s[{o}] = s{o};" for o in range(outputs))
    step = f"--eights, w += {4 * outputs}, x += 8"
    neon_begin = neon_end = ""
    if outputs == 4:
        neon_begin = f"""#if @@NEON
  @@NEON_SUMS(sums);
  for (; eights != 0; {step}) {{
    const int8x16_t both = vreinterpretq_s8_u8(vld1q_u8(w));
    @@NEON_ADD(sums, vshrq_n_s8(vshlq_n_s8(both, 4), 4), @four_times(x));
    @@NEON_ADD(sums, vshrq_n_s8(both, 4), @four_times(x + 4));
  }}
  vst1q_s32(s, @@NEON_LANES(sums));
#else
"""
        neon_end = "#endif\n"
    return f"""
/* Two weights in a byte: the low half meets inputs 0 to 3 of eight, the high one inputs 4 to 7. */
static void @dot{outputs}_int4(const uint8_t *w, const int8_t *x, uint32_t eights, int32_t *s) {{
{neon_begin}  int32_t {declared};
  for (; eights != 0; {step}) {{
#if @@DSP
{_dsp_eight(outputs)}
#else
{_plain_eight(outputs)}
#endif
  }}
#if @@DSP /* halves were multiplied where they lie in a byte, 16 times too large */
{dsp}
#else
{plain}
#endif
{neon_end}}}
"""


_SIGNED = """
#if !@@DSP
/* The four bits at the top of a word as a number from -8 to 7. */
static inline int32_t @signed(uint32_t top) { return (int32_t)top >> 28; }
#endif
"""

# One conversion, one product, one sum: each rounded once, none fused.
# Clamped as integers, which numbers of one sign order like floats: low is not negative.
_CODE = """
static inline int8_t @code(float sum, float scale, float bias, int32_t low) {
  const float product = sum * scale;
  int32_t z = (int32_t)@bits(product + bias);
  z = z > low ? z : low;
  z = z < 0x437f0000 ? z : 0x437f0000; /* 255 */
  return (int8_t)(@bits(@from_bits((uint32_t)z) + 12582784.0f) & 0xffu); /* 1.5 * 2^23 - 128: rounds to even, less 128 */
}
"""

_REAL = """
static inline float @real(float sum, float scale, float bias, int relu) {
  const float product = sum * scale;
  return @floored(product + bias, relu);
}
"""

# out: what becomes of the sums of `count` outputs that begin at s; i counts them.
_OUT = {
    "codes": ("int8_t *q", "const float *scale, const float *bias, int32_t low", "q[i] = @code((float)s[i], scale[i], bias[i], low);"),
    "reals": ("float *y", "const float *scale, const float *bias, int relu", "y[i] = @real((float)s[i], scale[i], bias[i], relu);"),
    "rows": (
        "float *y",
        "const float *scale, const float *bias, int relu, float row_scale, int32_t zero",
        "y[i] = @real((float)(s[i] - zero * start[i]), row_scale * scale[i], bias[i], relu);",
    ),
}  # fmt: skip


def _int8(out: str, listed: bool) -> Piece:
    to, numbers, store = _OUT[out]
    target = to.split("*")[1]
    name = f"@int8_to_{out}" + ("_listed" if listed else "")
    begin = "0" if out == "rows" else "start[{}]"
    lists = "const @index *at, const @index *counts, " if listed else ""
    fours = "" if listed else "uint32_t fours, "

    def group(outputs: int) -> str:
        starts = "\n".join(f"    s[{o}] = {begin.format(o)};" for o in range(outputs))
        if listed:
            call = (
                f"@dot{outputs}_listed(w, x, at, *counts, s);\n    w += {4 * outputs}u * *counts;\n    at += *counts++;"
            )
        else:
            call = f"@dot{outputs}(w, x, fours, s);\n    w += {4 * outputs}u * fours;"
        moves = "\n".join(f"    {array} += {outputs};" for array in ("start", "scale", "bias", target))
        return f"{starts}\n    {call}\n    for (i = 0; i < {outputs}u; ++i) {store}\n{moves}"

    text = f"""
static void {name}(const int8_t *w, {lists}const int32_t *start, {numbers}, const int8_t *x, {fours}uint32_t outputs, {to}) {{
  uint32_t i;
  int32_t s[4];
  for (; outputs >= 4u; outputs -= 4u) {{
{group(4)}
  }}
  for (; outputs != 0; --outputs) {{
{group(1)}
  }}
}}
"""
    suffix = "_listed" if listed else ""
    return Piece(text, (f"dot4{suffix}", f"dot1{suffix}", "code" if out == "codes" else "real"))


_INT4_OUT = {
    "codes": ("int8_t *q", "const float *bias, int32_t low", "q[i] = @code(total[i], scale, bias[i], low);"),
    "reals": ("float *y", "const float *bias, int relu", "y[i] = @real(total[i], scale, bias[i], relu);"),
}


def _int4(out: str) -> Piece:
    """Groups of inputs ascend, each exact and times its scale, added by fused multiply-add."""
    to, numbers, store = _INT4_OUT[out]
    target = to.split("*")[1]

    def group(outputs: int) -> str:
        return f"""    for (i = 0; i < {outputs}u; ++i) total[i] = 0.0f;
    for (left = eights, v = x; left != 0; left -= count, v += 8u * count) {{
      count = left < of_group ? left : of_group;
      @dot{outputs}_int4(w, v, count, s);
      for (i = 0; i < {outputs}u; ++i) total[i] = @fma((float)(s[i] + shift * sums[i]), scales[i], total[i]);
      w += {4 * outputs}u * count;
      sums += {outputs};
      scales += {outputs};
    }}
    for (i = 0; i < {outputs}u; ++i) {store}
    bias += {outputs};
    {target} += {outputs};"""

    text = f"""
static void @int4_to_{out}(const uint8_t *w, const int32_t *sums, const float *scales, int32_t shift, float scale, {numbers}, const int8_t *x, uint32_t eights, uint32_t of_group, uint32_t outputs, {to}) {{
  uint32_t i, left, count;
  int32_t s[4];
  float total[4];
  const int8_t *v;
  for (; outputs >= 4u; outputs -= 4u) {{
{group(4)}
  }}
  for (; outputs != 0; --outputs) {{
{group(1)}
  }}
}}
"""
    return Piece(text, ("dot4_int4", "dot1_int4", "fma", "code" if out == "codes" else "real"))


_QUANTIZE = """
/* Codes of x by divide, round to even, add the zero point; a NaN becomes 0's code, an infinity saturates. q may lie
 * where x does. Codes from k to padded meet weights of 0. */
static void @quantize(const float *x, uint32_t k, uint32_t padded, float scale, int32_t zero, int8_t *q) {
  const uint32_t low = @bits((float)zero) | 0x80000000u, high = @bits((float)(255 - zero));
  uint32_t i;
  for (i = 0; i < k; ++i) {
    uint32_t t = @bits(x[i] / scale);
    if (t > high && t < 0x80000000u) {
      t = t > 0x7f800000u ? 0 : high;
    } else if (t > low) {
      t = t > 0xff800000u ? 0 : low;
    }
    q[i] = (int8_t)((@bits(@from_bits(t) + 12582912.0f) + (uint32_t)(zero - 128)) & 0xffu);
  }
  for (; i < padded; ++i) q[i] = 0;
}
"""

# ONNX DynamicQuantizeLinear, with halves that keep the difference finite.
_RANGE = """
/* Scale and zero point of a row by its own range; infinities and NaN take no part. */
static float @range(const float *x, uint32_t k, int32_t *zero) {
  float low = 0.0f, high = 0.0f, scale, z;
  uint32_t i;
  for (i = 0; i < k; ++i) {
    if (x[i] < low && x[i] >= -FLT_MAX) low = x[i];
    if (x[i] > high && x[i] <= FLT_MAX) high = x[i];
  }
  scale = (high / 2.0f - low / 2.0f) / 127.5f;
  scale = low == high ? 1.0f : scale > FLT_MIN ? scale : FLT_MIN;
  z = 0.0f - low / scale;
  z = z > 0.0f ? z : 0.0f;
  z = z < 255.0f ? z : 255.0f;
  *zero = (int32_t)(@bits(z + 12582912.0f) & 0xffu);
  return scale;
}
"""

_PAD = """
static inline void @pad(int8_t *q, uint32_t from, uint32_t to) {
  for (; from < to; ++from) q[from] = 0;
}
"""

INTEGERS = {
    "word": Piece(_WORD),
    "dsp": Piece(_DSP),
    "neon": Piece(_NEON, ("word",)),
    "signed": Piece(_SIGNED),
    "code": Piece(_CODE, ("bits", "from_bits")),
    "real": Piece(_REAL, ("floored",)),
    "quantize": Piece(_QUANTIZE, ("bits", "from_bits")),
    "range": Piece(_RANGE, ("bits",)),
    "pad": Piece(_PAD),
    **{f"dot{n}{'_listed' * at}": Piece(_dot(n, at), ("word", "dsp", "neon")) for n in (4, 1) for at in (False, True)},
    **{f"dot{n}_int4": Piece(_dot_int4(n), ("word", "dsp", "neon", "signed")) for n in (4, 1)},
    **{f"int8_to_{out}{'_listed' * at}": _int8(out, at) for out in _OUT for at in (False, True)},
    **{f"int4_to_{out}": _int4(out) for out in _INT4_OUT},
}
