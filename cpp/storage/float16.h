// float16: IEEE binary16.
#pragma once

#include "simd/half.h"

SPRAT_ISA_BEGIN

struct Float16 {
  using Element = uint16_t;
  // Where number i of two registers lies.
  static constexpr int64_t place(int64_t i) { return i; }
  SPRAT_INLINE static Vec<float> load(const Element* p) { return load_float16(p); }
  SPRAT_INLINE static void load_pair(const Element* p, Vec<float>& a, Vec<float>& b) {
    a = load(p);
    b = load(p + kLanes<Vec<float>>);
  }

  // Of two registers, times one number each.
  using Sums = Float16Sums;
};

SPRAT_ISA_END
