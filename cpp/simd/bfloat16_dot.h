// Products of bfloat16 numbers in pairs, by the CPU's own instruction.
//
//   dot_pairs(sum, a, b)     sum[lane] + a[2 lane] b[2 lane] + a[2 lane + 1] b[2 lane + 1]
//   round_pairs(low, high)   two registers of floats as one of pairs, rounded half to even
//
// Both take subnormals for zeros, and the order in which the instruction rounds is its own: no other CPU, and no
// formula in float, gives its bits. A function that uses these words is marked SPRAT_BFLOAT16_TARGET and called only
// where the CPU has avx512_bf16: no instruction set of cpp/isa.cmake promises it.
#pragma once

#include "simd/vec.h"

#if defined(SPRAT_ISA_AVX512_VNNI)

#define SPRAT_HAS_BFLOAT16_DOT 1
#define SPRAT_BFLOAT16_TARGET [[gnu::target("avx512bf16")]]

SPRAT_ISA_BEGIN

SPRAT_BFLOAT16_TARGET SPRAT_INLINE Vec<float> dot_pairs(Vec<float> sum, Vec<int32_t> a, Vec<int32_t> b) {
  return Vec<float>(_mm512_dpbf16_ps(sum.r, reinterpret_cast<__m512bh>(a.r), reinterpret_cast<__m512bh>(b.r)));
}
SPRAT_BFLOAT16_TARGET SPRAT_INLINE Vec<int32_t> round_pairs(Vec<float> low, Vec<float> high) {
  return Vec<int32_t>(reinterpret_cast<native::I32>(_mm512_cvtne2ps_pbh(high.r, low.r)));
}

SPRAT_ISA_END

#endif
