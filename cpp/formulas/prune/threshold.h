// Magnitude pruning: a weight goes where its absolute value is small (LeCun et al. 1989 name saliency, Han et al. 2015
// magnitude; "set to 0 below a threshold, then train again").
//
//   keep = not (|x| <= bound)        so a NaN stays; |x| < threshold is |x| <= the number before it
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_HD SPRAT_INLINE Mask<V> keep_magnitude(V x, V bound) {
  return !(abs(x) <= bound);
}

SPRAT_ISA_END
