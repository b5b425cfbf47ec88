// Rectifier: Nair & Hinton 2010.
//
//   y = max(z, 0)        y' = 1 where z > 0, else 0
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

struct Relu {
  static constexpr const char* kName = "relu";
  static constexpr bool kNeedsInput = false;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return max(V(0), z);  // in this order a NaN stays
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V y) const {
    return select(y > V(0), V(1), y);  // y is 0 or NaN otherwise
  }
};

SPRAT_ISA_END
