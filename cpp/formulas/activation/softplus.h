// Smooth rectifier: Dugas et al. 2001.
//
//   y = log(1 + exp(z)) = max(z, 0) + log1p(exp(-|z|))        y' = sigmoid(z) = 1 - exp(-y)
#pragma once

#include "simd/math.h"

SPRAT_ISA_BEGIN

struct Softplus {
  static constexpr const char* kName = "softplus";
  static constexpr bool kNeedsInput = false;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return max(V(0), z) + log1p(exp(-abs(z)));
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V y) const {
    return -expm1(-y);
  }
};

SPRAT_ISA_END
