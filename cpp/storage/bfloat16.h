// bfloat16: the upper half of a float.
#pragma once

#include "simd/half.h"

SPRAT_ISA_BEGIN

struct Bfloat16 {
  using Element = uint16_t;
  SPRAT_INLINE static Vec<float> load(const Element* p) { return load_bfloat16(p); }
};

SPRAT_ISA_END
