// float16: IEEE binary16.
#pragma once

#include "simd/half.h"

SPRAT_ISA_BEGIN

struct Float16 {
  using Element = uint16_t;
  SPRAT_INLINE static Vec<float> load(const Element* p) { return load_float16(p); }
};

SPRAT_ISA_END
