// From the integers of a product back to real numbers or on to codes: the one place where scales enter int8 inference.
//
//   sum = sum_k (x[k] - x_zero_point) w[n, k]                                   exact, then rounded to float
//   y   = sum * scale + bias                         scale = x_scale * w_scale
//   q   = round_half_even(clamp(sum * scale' + bias', low, 255))
//                        scale' = x_scale * w_scale / next_scale,  bias' = bias / next_scale + next_zero_point
//
// Where weights come in groups that have scales of their own, sum is what add_group makes of them, and w_scale is 1.
//
// One conversion, one product and one sum, each rounded once and none fused: plain C repeats them bit for bit on any
// device. q is what the next layer multiplies: the code of y without a division, and without y. Rounding may differ
// from that of y / next_scale by one code near a half. low is next_zero_point behind a rectifier, else 0.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_HD SPRAT_INLINE V requantize(V sum, V scale, V bias) {
  return sum * scale + bias;
}

template <class V>
SPRAT_HD SPRAT_INLINE Int<V> requantize_to_code(V sum, V scale, V bias, V low) {
  return round_to_int(clamp(requantize(sum, scale, bias), low, V(255)));
}

// The exact sum of a group's products, times the scale of its weights: groups ascend, from 0.
template <class V>
SPRAT_HD SPRAT_INLINE V add_group(V sum, Int<V> of_group, V w_scale) {
  return fma(to_real(of_group), w_scale, sum);
}

// scale' and bias', computed in double and rounded to float once. What overflows there saturates here: an infinity
// times a sum of 0 would be no number.
struct CodeNumbers {
  float scale, bias;
};
SPRAT_HD SPRAT_INLINE float rounded_to_finite(double x) {
  constexpr double kMost = 3.40282346638528859812e+38;
  return static_cast<float>(clamp(x, -kMost, kMost));
}
SPRAT_HD SPRAT_INLINE CodeNumbers code_numbers(float x_scale, float w_scale, float bias, float next_scale,
                                               int32_t next_zero_point) {
  const double next = next_scale;
  return {rounded_to_finite(static_cast<double>(x_scale) * static_cast<double>(w_scale) / next),
          rounded_to_finite(static_cast<double>(bias) / next + next_zero_point)};
}

SPRAT_ISA_END
