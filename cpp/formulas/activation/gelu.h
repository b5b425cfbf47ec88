// Gaussian error linear unit: Hendrycks & Gimpel 2016. Phi and phi are the normal distribution and its density.
//
//   y = z Phi(z)        Phi(z) = (1 + erf(z / sqrt 2)) / 2
//   y' = Phi(z) + z phi(z)        phi(z) = exp(-z^2 / 2) / sqrt(2 pi)
#pragma once

#include "formulas/activation/bound.h"
#include "simd/math.h"

SPRAT_ISA_BEGIN

struct Gelu {
  static constexpr const char* kName = "gelu";
  static constexpr bool kNeedsInput = true;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return max(V(-1000), z) * normal_cdf(z);  // bounded: -infinity gives 0, not NaN
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V z, V) const {
    const V b = bound(z);
    return normal_cdf(b) + b * (exp(b * b * V(-0.5)) * V(0.398942280401432677939946059934));
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE static V normal_cdf(V z) {
    return V(0.5) + V(0.5) * erf(z * V(0.707106781186547524400844362105));
  }
};

SPRAT_ISA_END
