// From the integers of a product back to real numbers: the one place where scales enter int8 inference.
//
//   sum_k (x[k] - x_zero_point) w[n, k]  =  acc - x_zero_point * weight_sum
//   y = (acc - x_zero_point * weight_sum) * (x_scale * weight_scale) + bias
//
// acc = sum_k x[k] w[n, k] and weight_sum = sum_k w[n, k] are exact. What follows is one conversion, two products and a
// sum, each rounded once, without fused multiply-add: plain C repeats it bit for bit on any device.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_HD SPRAT_INLINE V requantize(Int<V> acc, Int<V> x_zero_point, Int<V> weight_sum, V x_scale, V weight_scale,
                                   V bias) {
  return to_real(acc - x_zero_point * weight_sum) * (x_scale * weight_scale) + bias;
}

SPRAT_ISA_END
