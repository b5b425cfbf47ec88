// Hyperbolic tangent.
//
//   y = tanh(z)        y' = 1 - y^2
#pragma once

#include "simd/math.h"

SPRAT_ISA_BEGIN

struct Tanh {
  static constexpr const char* kName = "tanh";
  static constexpr bool kNeedsInput = false;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return tanh(z);
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V y) const {
    return (V(1) - y) * (V(1) + y);  // 1 - y is exact near 1; 1 - y * y is not
  }
};

SPRAT_ISA_END
