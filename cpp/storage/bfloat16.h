// bfloat16: the upper half of a float.
#pragma once

#include "simd/half.h"

SPRAT_ISA_BEGIN

struct Bfloat16 {
  using Element = uint16_t;
  // Where number i of two registers lies: they take turns.
  static constexpr int64_t place(int64_t i) { return i % kLanes<Vec<float>> * 2 + i / kLanes<Vec<float>>; }
  SPRAT_INLINE static Vec<float> load(const Element* p) { return load_bfloat16(p); }
  SPRAT_INLINE static void load_pair(const Element* p, Vec<float>& a, Vec<float>& b) { load_bfloat16_pair(p, a, b); }

  // Of two registers, times one number each.
  struct Sums {
    Vec<float> sum[2] = {};
    SPRAT_INLINE void add(float x, const Element* p) {
      Vec<float> a, b;
      load_pair(p, a, b);
      sum[0] = fma(Vec<float>(x), a, sum[0]);
      sum[1] = fma(Vec<float>(x), b, sum[1]);
    }
    SPRAT_INLINE Vec<float> operator[](int i) const { return sum[i]; }
  };
};

SPRAT_ISA_END
