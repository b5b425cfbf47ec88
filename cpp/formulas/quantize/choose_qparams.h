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

template <class T>
SPRAT_HD SPRAT_INLINE QParams<T> choose_qparams(T low, T high, int32_t quant_min, int32_t quant_max, bool symmetric) {
  low = min(low, T(0));
  high = max(high, T(0));
  const T half_steps = T(quant_max - quant_min) / 2;
  // Halves keep high - low finite, and change no bit of the quotient.
  const T reach = symmetric ? max(-low, high) : high / 2 - low / 2;
  const T scale = low == high ? T(1) : max(reach / half_steps, kLeastNormal<T>);
  if (symmetric) return {scale, (quant_min + quant_max + 1) / 2};
  const T zero_point = clamp(round_even(T(quant_min) - low / scale), T(quant_min), T(quant_max));
  return {scale, static_cast<int32_t>(zero_point)};
}

SPRAT_ISA_END
