// Sigmoid linear unit, also called swish: Hendrycks & Gimpel 2016; Elfwing, Uchibe & Doya 2018.
//
//   y = z s        s = sigmoid(z)        y' = s + z s (1 - s)
#pragma once

#include "formulas/activation/bound.h"
#include "simd/math.h"

SPRAT_ISA_BEGIN

struct Silu {
  static constexpr const char* kName = "silu";
  static constexpr bool kNeedsInput = true;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return max(V(-1000), z) * sigmoid(z);  // bounded: -infinity gives 0, not NaN
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V z, V) const {
    const V b = bound(z);
    const V s = sigmoid(b);
    return s + b * s * (V(1) - s);
  }
};

SPRAT_ISA_END
