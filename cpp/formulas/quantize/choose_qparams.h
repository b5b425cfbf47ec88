// Scale and zero point for numbers in [low, high], widened to hold 0, so that 0 has a code of its own:
//
//   affine:     scale = (high - low) / (quant_max - quant_min)
//               zero_point = clamp(round_half_even(quant_min - low / scale), quant_min, quant_max)
//   symmetric:  scale = max(-low, high) / ((quant_max - quant_min) / 2)
//               zero_point = the middle: 0 for int8, 128 for uint8
//
// (ONNX DynamicQuantizeLinear; the symmetric form as in torch's observers.) A range of nothing but 0 gets scale 1. A
// scale below the smallest normal number is lifted to it: denormal scales would lose the digits of the quotient.
#pragma once

#include "formulas/quantize/bracket.h"  // kLeastNormal
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
struct QParams {
  T scale;
  int32_t zero_point;
};

// The affine form, for a range in each lane; the zero points are whole numbers.
template <class V>
struct AffineQParams {
  V scale, zero_point;

  SPRAT_HD SPRAT_INLINE static AffineQParams of(V low, V high, int32_t quant_min, int32_t quant_max) {
    using T = Scalar<V>;
    low = min(low, V(0));
    high = max(high, V(0));
    // Halves keep high - low finite, and change no bit of the quotient.
    const V steps = (high / V(2) - low / V(2)) / V(T(quant_max - quant_min) / 2);
    const V scale = select(low == high, V(1), max(steps, V(kLeastNormal<T>)));
    return {scale, clamp(round_even(V(quant_min) - low / scale), V(quant_min), V(quant_max))};
  }
};

template <class T>
SPRAT_HD SPRAT_INLINE QParams<T> choose_qparams(T low, T high, int32_t quant_min, int32_t quant_max, bool symmetric) {
  if (!symmetric) {
    const auto chosen = AffineQParams<T>::of(low, high, quant_min, quant_max);
    return {chosen.scale, static_cast<int32_t>(chosen.zero_point)};
  }
  const T reach = max(-min(low, T(0)), max(high, T(0)));
  const T scale = reach == 0 ? T(1) : max(reach / (T(quant_max - quant_min) / 2), kLeastNormal<T>);
  return {scale, (quant_min + quant_max + 1) / 2};
}

SPRAT_ISA_END
