// Swish out of straight lines: Howard et al. 2019 (MobileNetV3).
//
//   y = z min(max(z + 3, 0), 6) / 6        y' = 0 for z <= -3, 1 for z >= 3, else z / 3 + 1/2
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

struct Hardswish {
  static constexpr const char* kName = "hardswish";
  static constexpr bool kNeedsInput = true;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    const V w = max(V(-3), z);  // bounded: -infinity gives 0, not NaN
    return w * (min(V(6), w + V(3)) / V(6));
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V z, V) const {
    return select(z <= V(-3), V(0), select(z >= V(3), V(1), z / V(3) + V(0.5)));
  }
};

SPRAT_ISA_END
