"""The activations in C: the formulas of the library's ``formulas/activation``, bit for bit. A NaN stays one."""

from __future__ import annotations

from .pieces import Piece

__all__ = ["ACTIVATIONS", "IN_PRODUCT", "SLOPES"]

_LEAKY_RELU = """
static inline float @leaky_relu(float z) {
  const float small = 0.01f * z;
  return small > z ? small : z;
}
"""

_ELU = """
static float @elu(float z) {
  float bounded = -20.0f > z ? -20.0f : z;
  if (z > 0.0f) return z;
  return @copysign(@bounded_expm1(bounded), z);
}
"""

_SIGMOID = """
static float @sigmoid(float z) {
  const float e = @exp(-@abs(z));
  return (z < 0.0f ? e : 1.0f) / (1.0f + e);
}
"""

_TANH = """
static float @tanh(float z) {
  const float size = @abs(z);
  const float t = @bounded_expm1(2.0f * (10.0f < size ? 10.0f : size));
  return @copysign(t / (t + 2.0f), z);
}
"""

# -infinity times 0 would be NaN: z is bounded from below.
_SILU = """
static float @silu(float z) { return (-1000.0f > z ? -1000.0f : z) * @sigmoid(z); }
"""

_GELU = """
static float @gelu(float z) {
  const float e = @erf(z * 0.707106781186547524400844362105f);
  const float half = 0.5f * e;
  return (-1000.0f > z ? -1000.0f : z) * (0.5f + half);
}
"""

_GELU_TANH = """
static float @gelu_tanh(float z) {
  const float low = -1000.0f > z ? -1000.0f : z;
  const float b = 1000.0f < low ? 1000.0f : low;
  const float cubic = 0.044715f * b * b * b;
  return low * @sigmoid(1.59576912160573071175978423973f * (b + cubic));
}
"""

_SOFTPLUS = """
static float @softplus(float z) { return (0.0f > z ? 0.0f : z) + @log1p(@exp(-@abs(z))); }
"""

_HARDSWISH = """
static inline float @hardswish(float z) {
  const float w = -3.0f > z ? -3.0f : z;
  const float up = w + 3.0f;
  return w * ((6.0f < up ? 6.0f : up) / 6.0f);
}
"""

ACTIVATIONS = {
    "leaky_relu": Piece(_LEAKY_RELU),
    "elu": Piece(_ELU, ("bounded_expm1", "copysign")),
    "gelu": Piece(_GELU, ("erf",)),
    "gelu_tanh": Piece(_GELU_TANH, ("sigmoid",)),
    "silu": Piece(_SILU, ("sigmoid",)),
    "tanh": Piece(_TANH, ("bounded_expm1", "abs", "copysign")),
    "sigmoid": Piece(_SIGMOID, ("exp", "abs")),
    "softplus": Piece(_SOFTPLUS, ("log1p", "exp", "abs")),
    "hardswish": Piece(_HARDSWISH),
}

# Those that a product applies while its sums are in registers.
IN_PRODUCT = ("identity", "relu")

# The largest slope of each, rounded up.
SLOPES = {
    "identity": 1.0,
    "relu": 1.0,
    "leaky_relu": 1.0,
    "elu": 1.0,
    "gelu": 1.13,
    "gelu_tanh": 1.13,
    "silu": 1.1,
    "tanh": 1.0,
    "sigmoid": 0.25,
    "softplus": 1.0,
    "hardswish": 1.5,
}
