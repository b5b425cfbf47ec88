// share * cost, where nothing times an infinite cost is nothing: the limit of p log p.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_HD SPRAT_INLINE V weigh(V share, V cost) {
  return select(share == V(0), V(0), share * cost);
}

SPRAT_ISA_END
