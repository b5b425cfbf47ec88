// Numbers of two bytes, widened to float: exactly, subnormals included, on every instruction set.
//
//   load_float16(p)    IEEE binary16: 1 bit of sign, 5 of exponent, 10 of significand
//   load_bfloat16(p)   the upper half of a float
//   load_bfloat16_pair(p, a, b)   two registers whose lanes take turns: a[0] b[0] a[1] b[1] ...
//   round_bfloat16(v)  to the nearest number that a bfloat16 can be, ties to even; beyond the largest it is infinite
#pragma once

#include "core/unroll.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN
namespace native {

using Words = typename Gnu<uint16_t, kLanes<float> * 2>::type;

SPRAT_INLINE Words load_words(const uint16_t* p) {
  Words words;
  __builtin_memcpy(&words, p, sizeof words);
  return words;
}

#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
SPRAT_INLINE I32 widen_words(Words words) {
  return reinterpret_cast<I32>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(words)));
}
SPRAT_INLINE F32 widen_float16(Words words) { return _mm512_cvtph_ps(reinterpret_cast<__m256i>(words)); }
#elif defined(SPRAT_ISA_AVX2)
SPRAT_INLINE I32 widen_words(Words words) {
  return reinterpret_cast<I32>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(words)));
}
SPRAT_INLINE F32 widen_float16(Words words) { return _mm256_cvtph_ps(reinterpret_cast<__m128i>(words)); }
#elif defined(SPRAT_ISA_NEON)
SPRAT_INLINE I32 widen_words(Words words) {
  return reinterpret_cast<I32>(vmovl_u16(reinterpret_cast<uint16x4_t>(words)));
}
SPRAT_INLINE F32 widen_float16(Words words) { return vcvt_f32_f16(reinterpret_cast<float16x4_t>(words)); }
#else
#if !defined(SPRAT_ISA_PORTABLE) && defined(__SSE2__)
SPRAT_INLINE I32 widen_words(Words words) {
  const __m128i low = _mm_cvtsi64_si128(reinterpret_cast<int64_t>(words));
  return reinterpret_cast<I32>(_mm_unpacklo_epi16(low, __m128i{}));
}
#else
SPRAT_INLINE I32 widen_words(Words words) { return __builtin_convertvector(words, I32); }
#endif
// The exponent's bias grows from 15 to 127 by an exact product with 2^112, which makes subnormals normal. The largest
// exponent, of infinities and NaN, becomes the largest.
SPRAT_INLINE F32 widen_float16(Words words) {
  const I32 bits = widen_words(words), magnitude = bits & 0x7fff;
  const F32 scaled = reinterpret_cast<F32>(magnitude << 13) * broadcast(0x1p112f);
  const I32 not_finite = reinterpret_cast<I32>(magnitude > 0x7bff) & 0x7f800000;
  const I32 sign = (bits >> 15) << 31;
  return reinterpret_cast<F32>(reinterpret_cast<I32>(scaled) | not_finite | sign);
}
#endif

}  // namespace native

SPRAT_INLINE Vec<float> load_float16(const uint16_t* p) {
  return Vec<float>(native::widen_float16(native::load_words(p)));
}
SPRAT_INLINE Vec<float> load_bfloat16(const uint16_t* p) {
  return from_bits<Vec<float>>(Vec<int32_t>(native::widen_words(native::load_words(p))) << 16);
}

// Two instructions for two registers, on units that multiply-adds leave free.
SPRAT_INLINE void load_bfloat16_pair(const uint16_t* p, Vec<float>& a, Vec<float>& b) {
  Vec<int32_t> words;
  __builtin_memcpy(&words.r, p, sizeof words.r);
  a = from_bits<Vec<float>>(words << 16);
  b = from_bits<Vec<float>>(words & ~0xffff);
}

// Sums of two registers of float16 weights times one number each. Zen 4 widens 16 of them in 1.3 cycles as one
// register, and in 1.0 as two halves.
struct Float16Sums {
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
  __m256 part[4] = {};

  SPRAT_INLINE void add(float x, const uint16_t* p) {
    SPRAT_UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8 * i));
      part[i] = _mm256_fmadd_ps(_mm256_set1_ps(x), _mm256_cvtph_ps(words), part[i]);
    }
  }
  SPRAT_INLINE Vec<float> operator[](int i) const {
    return Vec<float>(_mm512_insertf32x8(_mm512_castps256_ps512(part[2 * i]), part[2 * i + 1], 1));
  }
#else
  Vec<float> sum[2] = {};

  SPRAT_INLINE void add(float x, const uint16_t* p) {
    SPRAT_UNROLL(2)
    for (int i = 0; i < 2; ++i) sum[i] = fma(Vec<float>(x), load_float16(p + i * kLanes<Vec<float>>), sum[i]);
  }
  SPRAT_INLINE Vec<float> operator[](int i) const { return sum[i]; }
#endif
};

SPRAT_INLINE Vec<float> round_bfloat16(Vec<float> v) {
  const Vec<int32_t> bits = to_bits(v);
  const Vec<int32_t> rounded = bits + 0x7fff + (shift_right_logical(bits, 16) & 1);
  return select(v == v, from_bits<Vec<float>>(rounded & ~0xffff), v);  // a NaN stays one
}

SPRAT_ISA_END
