// Leaky rectifier: Maas, Hannun & Ng 2013.
//
//   y = z where z > 0, else 0.01 z        y' = 1 or 0.01
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

struct LeakyRelu {
  static constexpr const char* kName = "leaky_relu";
  static constexpr bool kNeedsInput = false;
  static constexpr double kSlope = 0.01;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return max(V(kSlope) * z, z);
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V y) const {
    return select(y > V(0), V(1), select(y <= V(0), V(kSlope), y));
  }
};

SPRAT_ISA_END
