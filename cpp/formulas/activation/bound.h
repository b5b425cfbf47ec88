// Activations that multiply z by a factor that vanishes: infinity times 0 would be NaN where the limit is 0.
#pragma once

#include "simd/math.h"

SPRAT_ISA_BEGIN

// z within [-1000, 1000], where every exponential below has long reached 0 in float64 too. Keeps NaN.
template <class V>
SPRAT_HD SPRAT_INLINE V bound(V z) {
  return min(V(1000), max(V(-1000), z));
}

SPRAT_ISA_END
