// x86-64 baseline: SSE2. No fused multiply-add, no rounding instruction, no blend: each is built here, exactly.
#pragma once

#include <emmintrin.h>

#include "core/macros.h"

SPRAT_ISA_BEGIN
namespace native {
constexpr int kRegisterBytes = 16;
}
SPRAT_ISA_END

#include "simd/registers.h"

SPRAT_ISA_BEGIN
namespace native {

SPRAT_INLINE F32 sqrt(F32 a) { return _mm_sqrt_ps(a); }
SPRAT_INLINE F64 sqrt(F64 a) { return _mm_sqrt_pd(a); }
SPRAT_INLINE F32 min(F32 a, F32 b) { return _mm_min_ps(a, b); }
SPRAT_INLINE F64 min(F64 a, F64 b) { return _mm_min_pd(a, b); }
SPRAT_INLINE F32 max(F32 a, F32 b) { return _mm_max_ps(a, b); }
SPRAT_INLINE F64 max(F64 a, F64 b) { return _mm_max_pd(a, b); }
SPRAT_INLINE uint32_t mask_bits(I32 m) { return static_cast<uint32_t>(_mm_movemask_ps(reinterpret_cast<F32>(m))); }
SPRAT_INLINE uint32_t mask_bits(I64 m) { return static_cast<uint32_t>(_mm_movemask_pd(reinterpret_cast<F64>(m))); }

SPRAT_INLINE I32 round_to_int(F32 a) { return reinterpret_cast<I32>(_mm_cvtps_epi32(a)); }
SPRAT_INLINE F64 widen_low(F32 a) { return _mm_cvtps_pd(a); }
SPRAT_INLINE F64 widen_high(F32 a) { return _mm_cvtps_pd(_mm_movehl_ps(a, a)); }
SPRAT_INLINE F32 narrow(F64 low, F64 high) { return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high)); }

// Adding and subtracting 2^(bits of the significand) leaves an integer, ties to even; larger numbers are integers.
template <class R>
SPRAT_INLINE R round_by_magic(R a, Element<R> magic) {
  using I = MaskFor<R>;
  const I sign = reinterpret_cast<I>(a) & kSignBit<Element<R>>;
  const R magnitude = reinterpret_cast<R>(reinterpret_cast<I>(a) ^ sign);
  const R rounded = (magnitude + magic) - magic;
  return select(less(magnitude, broadcast(magic)), reinterpret_cast<R>(reinterpret_cast<I>(rounded) | sign), a);
}
SPRAT_INLINE F32 round_even(F32 a) { return round_by_magic(a, 8388608.0f); }
SPRAT_INLINE F64 round_even(F64 a) { return round_by_magic(a, 4503599627370496.0); }

// a * b + c of floats, to 53 bits rounded to odd, so that the conversion to float is the only rounding (Boldo &
// Melquiond 2008). The product is exact in double; sum + error = product + c exactly (Knuth's two-sum); a sum with
// an error takes the odd one of the two doubles around the exact value. Infinities and NaN have a NaN error: kept.
SPRAT_INLINE F64 fma_rounded_to_odd(F64 a, F64 b, F64 c) {
  const F64 product = a * b;
  const F64 sum = product + c;
  const F64 part = sum - product;
  const F64 error = (product - (sum - part)) + (c - part);
  const I64 bits = reinterpret_cast<I64>(sum);
  const I64 one = reinterpret_cast<I64>(_mm_or_pd(_mm_cmplt_pd(error, F64{}), _mm_cmplt_pd(F64{}, error))) & 1;
  const I64 towards_zero = (reinterpret_cast<I64>(error) ^ bits) < 0 ? one : I64{};
  return reinterpret_cast<F64>((bits - towards_zero) | one);
}
SPRAT_INLINE F32 fma(F32 a, F32 b, F32 c) {
  return narrow(fma_rounded_to_odd(widen_low(a), widen_low(b), widen_low(c)),
                fma_rounded_to_odd(widen_high(a), widen_high(b), widen_high(c)));
}

SPRAT_INLINE I32 widen_bytes(Bytes<int8_t, 4> bytes, I32) {
  const __m128i word = _mm_cvtsi32_si128(reinterpret_cast<int32_t>(bytes));
  const __m128i twice = _mm_unpacklo_epi8(word, word);
  return reinterpret_cast<I32>(_mm_unpacklo_epi16(twice, twice)) >> 24;
}
SPRAT_INLINE I32 widen_bytes(Bytes<uint8_t, 4> bytes, I32) {
  const __m128i word = _mm_cvtsi32_si128(reinterpret_cast<int32_t>(bytes));
  return reinterpret_cast<I32>(_mm_unpacklo_epi16(_mm_unpacklo_epi8(word, __m128i{}), __m128i{}));
}
SPRAT_INLINE F32 widen_bytes(Bytes<int8_t, 4> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE F32 widen_bytes(Bytes<uint8_t, 4> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE Bytes<uint8_t, 4> narrow_to_bytes(I32 a) {
  const __m128i low = reinterpret_cast<__m128i>(a & 0xff);
  const __m128i words = _mm_packs_epi32(low, low);
  return reinterpret_cast<Bytes<uint8_t, 4>>(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
}

}  // namespace native
SPRAT_ISA_END
