// Numbers of two bytes, widened to float: exactly, subnormals included, on every instruction set.
//
//   load_float16(p)    IEEE binary16: 1 bit of sign, 5 of exponent, 10 of significand
//   load_bfloat16(p)   the upper half of a float
//   round_bfloat16(v)  to the nearest number that a bfloat16 can be, ties to even; beyond the largest it is infinite
#pragma once

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

SPRAT_INLINE Vec<float> round_bfloat16(Vec<float> v) {
  const Vec<int32_t> bits = to_bits(v);
  const Vec<int32_t> rounded = bits + 0x7fff + (shift_right_logical(bits, 16) & 1);
  return select(v == v, from_bits<Vec<float>>(rounded & ~0xffff), v);  // a NaN stays one
}

SPRAT_ISA_END
