//   y = z
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

struct Identity {
  static constexpr const char* kName = "identity";
  static constexpr bool kNeedsInput = false;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V z) const {
    return z;
  }
  template <class V>
  SPRAT_HD SPRAT_INLINE V derivative(V, V) const {
    return V(1);
  }
};

SPRAT_ISA_END
