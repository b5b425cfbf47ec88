// Exponential linear unit: Clevert, Unterthiner & Hochreiter 2016, with alpha = 1.
//
//   y = z where z > 0, else exp(z) - 1        y' = 1 where z > 0, else exp(z) = y + 1
#pragma once

#include "simd/math.h"

SPRAT_ISA_BEGIN

struct Elu {
  static constexpr const char* kName = "elu";
  static constexpr bool kNeedsInput = false;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return select(z > V(0), z, expm1(z));
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V y) const {
    return select(y > V(0), V(1), y + V(1));
  }
};

SPRAT_ISA_END
