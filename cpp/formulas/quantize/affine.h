// Affine quantization (Jacob et al. 2018, equation 1; ONNX QuantizeLinear and DequantizeLinear):
//
//   q = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max)
//   x = (q - zero_point) * scale
//
// Divide, round, then add: a reciprocal of scale, or adding before rounding, gives other codes at the halves.
// An infinity saturates. A NaN has no code; it becomes zero_point, the code of 0, on every instruction set.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
struct Affine {
  V scale, zero_point, quant_min, quant_max;  // scale finite and positive; the others small integers

  // A sum beyond 2^24 is rounded, but then it saturates all the same.
  SPRAT_HD SPRAT_INLINE V unclamped(V x) const { return round_even(x / scale) + zero_point; }

  SPRAT_HD SPRAT_INLINE V quantize(V x) const {
    return select(x == x, clamp(unclamped(x), quant_min, quant_max), zero_point);
  }

  SPRAT_HD SPRAT_INLINE V dequantize(V q) const { return (q - zero_point) * scale; }

  // Where the gradient of dequantize(quantize(x)) is taken for 1: x did not saturate (straight-through estimator,
  // Bengio et al. 2013). Elsewhere it is 0, as that of the clamp.
  SPRAT_HD SPRAT_INLINE Mask<V> passes_gradient(V x) const {
    const V code = unclamped(x);
    return code >= quant_min && code <= quant_max;
  }
};

SPRAT_ISA_END
