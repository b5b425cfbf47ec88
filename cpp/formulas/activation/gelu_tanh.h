// The tanh form of GELU: Hendrycks & Gimpel 2016, section 2. Written with sigmoid(2 u) = (1 + tanh u) / 2, which keeps
// the digits of the left tail.
//
//   y = z s        s = sigmoid(2 u)        u = sqrt(2 / pi) (z + 0.044715 z^3)
//   y' = s + z s (1 - s) 2 u'
#pragma once

#include "formulas/activation/bound.h"
#include "simd/math.h"

SPRAT_ISA_BEGIN

struct GeluTanh {
  static constexpr const char* kName = "gelu_tanh";
  static constexpr bool kNeedsInput = true;
  static constexpr double kTwoRoot = 1.59576912160573071175978423973;  // 2 sqrt(2 / pi)
  static constexpr double kCubic = 0.044715;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return max(V(-1000), z) * gate(bound(z));  // bounded: -infinity gives 0, not NaN
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V z, V) const {
    const V b = bound(z);
    const V s = gate(b);
    const V two_u_slope = V(kTwoRoot) * (V(1) + V(3 * kCubic) * b * b);
    return s + b * s * (V(1) - s) * two_u_slope;
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE static V gate(V z) {
    return sigmoid(V(kTwoRoot) * (z + V(kCubic) * z * z * z));
  }
};

SPRAT_ISA_END
