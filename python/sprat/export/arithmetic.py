"""Exact arithmetic and the elementary functions in C: the words of the library's ``simd/math.h``, for one float.

Every product and every sum is rounded once, and fused only where the text says fma, so that a device repeats the bits.
"""

from __future__ import annotations

from .pieces import Piece

__all__ = ["ARITHMETIC", "FMA_OF_SUMS"]

_BITS = """
static inline uint32_t @bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
"""

_FROM_BITS = """
static inline float @from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
"""

_ABS = """
static inline float @abs(float x) { return @from_bits(@bits(x) & 0x7fffffffu); }
"""

_COPYSIGN = """
static inline float @copysign(float x, float sign) {
  return @from_bits((@bits(x) & 0x7fffffffu) | (@bits(sign) & 0x80000000u));
}
"""

# The product of two floats is exact in double. So is not its sum with a third, and rounding that to float would round
# twice. Rounded to odd in between it is right (Boldo & Melquiond 2008); that differs only where the sum lies just in the
# middle of two floats, or is so small that these lie wider apart.
#
# Without double in hardware integers are three times as fast: product and addend as 62 bits, the smaller shifted right
# with what it loses kept as a last bit, their sum rounded once (as in Berkeley SoftFloat).
_FMA = """
#if @@FMA == 1
static inline float @fma(float a, float b, float c) { return fmaf(a, b, c); }
#else
#if @@INTEGER_FMA
#if defined(__GNUC__)
#define @leading_zeros(x) ((uint32_t)__builtin_clz(x))
#define @@SELDOM __attribute__((noinline)) /* inlined it would take registers from the usual case */
#else
#define @@SELDOM
static uint32_t @leading_zeros(uint32_t x) {
  uint32_t count = 0;
  for (; (x & 0x80000000u) == 0; x <<= 1) ++count;
  return count;
}
#endif
/* x / 2^n; what is lost leaves the last bit set. */
static inline uint64_t @shift(uint64_t x, uint32_t n) {
  const uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x;
  if (n == 0) return x;
  if (n < 32u) {
    const uint32_t kept = (low >> n) | (high << (32u - n)) | ((low << (32u - n)) != 0);
    return ((uint64_t)(high >> n) << 32) | kept;
  }
  if (n < 64u) return (high >> (n - 32u)) | (((n != 32u ? high << (64u - n) : 0) | low) != 0);
  return x != 0;
}
/* sum * 2^(p - 314), rounded once; sum is not 0 and below 2^63. */
static float @rounded(uint32_t sign, int32_t p, uint64_t sum) {
  uint32_t m = (uint32_t)(sum >> 32), rest = (uint32_t)sum, n;
  float result;
  if (m == 0) {
    m = rest;
    rest = 0;
    p -= 32;
  }
  n = @leading_zeros(m);
  m = (m << n) | ((rest >> 1) >> (31u - n));
  rest <<= n;
  p -= 124 + (int32_t)n; /* the exponent, now that the first bit is the first of the number */
  if (p <= 0) {
    sum = @shift(((uint64_t)m << 32) | rest, (uint32_t)(1 - p));
    m = (uint32_t)(sum >> 32);
    rest = (uint32_t)sum;
    p = 1;
  }
  n = (m & 0xffu) | (rest != 0); /* below the last place, 128 is a half */
  m >>= 8;
  m += n + (m & 1u) > 128u;
  m = p >= 255 ? 0x7f800000u : m + ((uint32_t)(p - 1) << 23);
  m |= sign;
  memcpy(&result, &m, sizeof result);
  return result;
}
/* Mantissa and exponent of a denormal number as if it were none. */
static inline void @lift(uint32_t *m, int32_t *p) {
  const uint32_t n = @leading_zeros(*m) - 8u;
  *m <<= n;
  *p = 1 - (int32_t)n;
}
/* a * b + c where one of them is 0, denormal, infinite or not a number. */
@@SELDOM static float @rare_fma(float a, float b, float c) {
  uint32_t x, y, z, sign, m, n, o;
  int32_t p, q, r;
  uint64_t sum, addend;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  memcpy(&z, &c, sizeof z);
  m = x & 0x7fffffffu;
  n = y & 0x7fffffffu;
  o = z & 0x7fffffffu;
  if (m >= 0x7f800000u || n >= 0x7f800000u) return a * b + c;
  if (o >= 0x7f800000u) return c;
  if (m == 0 || n == 0) { /* c, but of two zeros the positive one */
    z = o != 0 ? z : z & (x ^ y);
    memcpy(&c, &z, sizeof c);
    return c;
  }
  p = (int32_t)(m >> 23);
  q = (int32_t)(n >> 23);
  r = (int32_t)(o >> 23);
  m = p != 0 ? (m & 0x7fffffu) | 0x800000u : m;
  n = q != 0 ? (n & 0x7fffffu) | 0x800000u : n;
  if (p == 0) @lift(&m, &p);
  if (q == 0) @lift(&n, &q);
  p += q;
  sum = (uint64_t)(m << 8) * (n << 6);
  sign = (x ^ y) & 0x80000000u;
  if (o == 0) return @rounded(sign, p, sum);
  o = r != 0 ? (o & 0x7fffffu) | 0x800000u : o;
  if (r == 0) @lift(&o, &r);
  addend = (uint64_t)(o << 6) << 32;
  r += 126;
  if (p >= r) {
    addend = @shift(addend, (uint32_t)(p - r));
  } else {
    sum = @shift(sum, (uint32_t)(r - p));
    p = r;
  }
  if (((z ^ sign) & 0x80000000u) == 0) return @rounded(sign, p, sum + addend);
  if (sum == addend) return 0.0f;
  return sum > addend ? @rounded(sign, p, sum - addend) : @rounded(sign ^ 0x80000000u, p, addend - sum);
}
/* a * b + c, rounded once, in integers. */
static float @fma(float a, float b, float c) {
  uint32_t x, y, z, sign, top;
  uint64_t sum, addend;
  int32_t p, q, apart;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  memcpy(&z, &c, sizeof z);
  p = (int32_t)((x >> 23) & 0xffu);
  q = (int32_t)((y >> 23) & 0xffu);
  apart = (int32_t)((z >> 23) & 0xffu);
  if ((uint32_t)p - 1u >= 254u || (uint32_t)q - 1u >= 254u || (uint32_t)apart - 1u >= 254u) return @rare_fma(a, b, c);
  sum = (uint64_t)((x << 8) | 0x80000000u) * (((y << 8) | 0x80000000u) >> 2); /* times 2^(p + q - 314) */
  top = ((z << 8) | 0x80000000u) >> 2;                                        /* times 2^(apart - 188 + 32) */
  p += q;
  apart = p - apart - 126;
  if (apart >= 0) {
    if (apart < 32) {
      addend = ((uint64_t)(top >> apart) << 32) | ((top << 1) << (31 - apart));
    } else {
      addend = @shift((uint64_t)top << 32, (uint32_t)apart);
    }
  } else {
    sum = @shift(sum, (uint32_t)-apart);
    p -= apart;
    addend = (uint64_t)top << 32;
  }
  sign = x ^ y;
  if (((sign ^ z) & 0x80000000u) == 0) {
    sum += addend;
  } else {
    sum -= addend;
    if ((sum >> 63) != 0) {
      sum = 0 - sum;
      sign = ~sign;
    }
    if (sum == 0) return 0.0f;
  }
  return @rounded(sign & 0x80000000u, p, sum);
}
#else
/* a * b + c, rounded once: in double the product is exact, and the sum is rounded to odd where that matters. */
static float @fma(float a, float b, float c) {
  const double product = (double)a * (double)b;
  const double addend = (double)c;
  double sum = product + addend;
  uint64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  if ((bits & 0x1fffffffu) == 0x10000000u || ((bits >> 52) & 0x7ffu) < 897u) {
    const double part = sum - product;
    const double error = (product - (sum - part)) + (addend - part);
    if ((error > 0.0 || error < 0.0) && (bits & 1u) == 0u) {
      bits = (error > 0.0) == (sum > 0.0) ? bits + 1u : bits - 1u;
      memcpy(&sum, &bits, sizeof sum);
    }
  }
  return (float)sum;
}
#endif
#endif
"""

# Where sums alone are fused, there is nothing to define when they are not.
FMA_OF_SUMS = Piece(_FMA.replace("#else", "#elif @@FMA == 0", 1))

# What the long sums use: activations are exact in every mode.
_MULTIPLY_ADD = """
#if @@FMA == 2
static inline float @add_product(float a, float b, float c) {
  const float product = a * b;
  return product + c;
}
#else
#define @add_product @fma
#endif
"""

# e^x = 2^n (1 + r), x = n log(2) + a rest of at most log(2) / 2 (Cody & Waite 1980); gives n.
_REDUCE_EXP = """
static uint32_t @reduce_exp(float x, float *expm1_rest) {
  const float shifted = @fma(x, 1.44269504f, 12582912.0f);
  const float n = shifted - 12582912.0f;
  const float r = @fma(n, 1.90465421e-9f, @fma(n, -0.693147182f, x));
  float p = @fma(0.00139305042f, r, 0.00836325157f);
  p = @fma(p, r, 0.0416665114f);
  p = @fma(p, r, 0.166665763f);
  p = @fma(p, r, 0.5f);
  *expm1_rest = @fma(r * r, p, r);
  return @bits(shifted) - 0x4b400000u;
}
"""

_EXP = """
static float @exp(float x) {
  float r, scale;
  uint32_t n, half;
  x = -104.0f > x ? -104.0f : x;
  x = 89.0f < x ? 89.0f : x;
  n = @reduce_exp(x, &r);
  half = (n + 254u) >> 1; /* 2^n in two factors: only the last product rounds */
  scale = @from_bits(half << 23);
  return @fma(scale, r, scale) * @from_bits((half + (n & 1u)) << 23);
}
"""

_EXPM1 = """
static float @bounded_expm1(float x) {
  float r, half;
  const uint32_t n = @reduce_exp(x, &r);
  half = @from_bits((n + 126u) << 23);
  return n == 0u ? r : 2.0f * @fma(half, r, half - 0.5f);
}
"""

# log(1 + x) for x in [0, 1]: log(1 + x) = k log(2) + 2 atanh(f / (2 + f)), with what 1 + x loses put back into f.
_LOG1P = """
static float @log1p(float x) {
  const float sum = 1.0f + x;
  const float part = sum - 1.0f;
  const float lost = (1.0f - (sum - part)) + (x - part);
  const uint32_t up = (@bits(sum) + 0x004afb0du) >> 23; /* 127 + k */
  const float k = (float)(int32_t)(up - 127u);
  const float fraction = @from_bits(@bits(sum) - ((up - 127u) << 23)) - 1.0f;
  const float f = @fma(0.5f * lost, @from_bits((255u - up) << 23), fraction);
  const float s = f / (f + 2.0f);
  const float z = s * s;
  const float p = @fma(@fma(0.298705816f, z, 0.399775892f), z, 0.666667759f);
  const float half_square = 0.5f * f * f;
  const float rest = half_square - @fma(s, @fma(z, p, half_square), k * -1.90465421e-9f);
  return x > 0.0f ? @fma(k, 0.693147182f, f - rest) : x;
}
"""

# Below 1 an odd polynomial, beyond it 1 - exp(-q(x)).
_ERF = """
static float @erf(float x) {
  const float size = @abs(x);
  if (size < 1.0f) {
    const float z = x * x;
    float p = @fma(7.84228832e-5f, z, -0.000800679321f);
    p = @fma(p, z, 0.00518796267f);
    p = @fma(p, z, -0.0268536434f);
    p = @fma(p, z, 0.112835824f);
    p = @fma(p, z, -0.37612626f);
    p = @fma(p, z, 0.128379166f);
    return @fma(x, p, x);
  } else {
    const float a = 3.95f < size ? 3.95f : size;
    float r, scale, q = @fma(2.17833822e-5f, a, -0.000442534278f);
    uint32_t n;
    q = @fma(q, a, 0.00421077758f);
    q = @fma(q, a, -0.0252257604f);
    q = @fma(q, a, 0.1084475f);
    q = @fma(q, a, 0.633191824f);
    q = @fma(q, a, 1.12959325f);
    q = @fma(q, a, -0.000191333063f);
    n = @reduce_exp(-q, &r);
    scale = @from_bits((n + 127u) << 23);
    return @copysign(1.0f - @fma(scale, r, scale), x);
  }
}
"""

ARITHMETIC = {
    "bits": Piece(_BITS),
    "from_bits": Piece(_FROM_BITS),
    "abs": Piece(_ABS, ("bits", "from_bits")),
    "copysign": Piece(_COPYSIGN, ("bits", "from_bits")),
    "fma": Piece(_FMA),
    "add_product": Piece(_MULTIPLY_ADD, ("fma",)),
    "reduce_exp": Piece(_REDUCE_EXP, ("fma", "bits")),
    "exp": Piece(_EXP, ("reduce_exp", "from_bits")),
    "bounded_expm1": Piece(_EXPM1, ("reduce_exp", "from_bits")),
    "log1p": Piece(_LOG1P, ("fma", "bits", "from_bits")),
    "erf": Piece(_ERF, ("reduce_exp", "abs", "copysign")),
}
