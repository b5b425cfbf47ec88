// Magnitude pruning: a weight stays where its absolute value reaches a bound (LeCun et al. 1989 name saliency, Han et
// al. 2015 magnitude; "set to 0 below a threshold, then train again").
//
//   keep = not (|x| < threshold)          so a NaN stays, and threshold 0 removes nothing
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_INLINE Mask<V> keep_magnitude(V x, V threshold) {
  return !(abs(x) < threshold);
}

SPRAT_ISA_END
