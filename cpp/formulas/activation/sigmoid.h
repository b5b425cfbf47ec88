// Logistic function.
//
//   y = 1 / (1 + exp(-z))        y' = y (1 - y)
#pragma once

#include "simd/math.h"

SPRAT_ISA_BEGIN

struct Sigmoid {
  static constexpr const char* kName = "sigmoid";
  static constexpr bool kNeedsInput = false;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return sigmoid(z);
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V y) const {
    return y * (V(1) - y);
  }
};

SPRAT_ISA_END
