// AVX2 with FMA.
#pragma once

#include <immintrin.h>

#include "core/macros.h"

SPRAT_ISA_BEGIN
namespace native {
constexpr int kRegisterBytes = 32;
}
SPRAT_ISA_END

#include "simd/registers.h"

SPRAT_ISA_BEGIN
namespace native {

SPRAT_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
SPRAT_INLINE F64 fma(F64 a, F64 b, F64 c) { return _mm256_fmadd_pd(a, b, c); }
SPRAT_INLINE F32 sqrt(F32 a) { return _mm256_sqrt_ps(a); }
SPRAT_INLINE F64 sqrt(F64 a) { return _mm256_sqrt_pd(a); }
SPRAT_INLINE F32 min(F32 a, F32 b) { return _mm256_min_ps(a, b); }
SPRAT_INLINE F64 min(F64 a, F64 b) { return _mm256_min_pd(a, b); }
SPRAT_INLINE F32 max(F32 a, F32 b) { return _mm256_max_ps(a, b); }
SPRAT_INLINE F64 max(F64 a, F64 b) { return _mm256_max_pd(a, b); }
SPRAT_INLINE F32 round_even(F32 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
SPRAT_INLINE F64 round_even(F64 a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

SPRAT_INLINE F32 select(I32 m, F32 a, F32 b) { return _mm256_blendv_ps(b, a, reinterpret_cast<F32>(m)); }
SPRAT_INLINE F64 select(I64 m, F64 a, F64 b) { return _mm256_blendv_pd(b, a, reinterpret_cast<F64>(m)); }
SPRAT_INLINE uint32_t mask_bits(I32 m) { return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<F32>(m))); }
SPRAT_INLINE uint32_t mask_bits(I64 m) { return static_cast<uint32_t>(_mm256_movemask_pd(reinterpret_cast<F64>(m))); }

SPRAT_INLINE I32 round_to_int(F32 a) { return reinterpret_cast<I32>(_mm256_cvtps_epi32(a)); }
SPRAT_INLINE F64 widen_low(F32 a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
SPRAT_INLINE F64 widen_high(F32 a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
SPRAT_INLINE F32 narrow(F64 low, F64 high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}

// Lanes below n. The masked moves never touch memory under a false lane.
SPRAT_INLINE __m256i lanes_below_32(int64_t n) {
  const int count = static_cast<int>(n < 0 ? 0 : n < 8 ? n : 8);
  return reinterpret_cast<__m256i>(I32{0, 1, 2, 3, 4, 5, 6, 7} < count);
}
SPRAT_INLINE __m256i lanes_below_64(int64_t n) { return reinterpret_cast<__m256i>(I64{0, 1, 2, 3} < n); }
SPRAT_INLINE F32 load_partial(const float* p, int64_t n) { return _mm256_maskload_ps(p, lanes_below_32(n)); }
SPRAT_INLINE F64 load_partial(const double* p, int64_t n) { return _mm256_maskload_pd(p, lanes_below_64(n)); }
SPRAT_INLINE void store_partial(float* p, F32 r, int64_t n) { _mm256_maskstore_ps(p, lanes_below_32(n), r); }
SPRAT_INLINE void store_partial(double* p, F64 r, int64_t n) { _mm256_maskstore_pd(p, lanes_below_64(n), r); }

SPRAT_INLINE I32 widen_bytes(Bytes<int8_t, 8> bytes, I32) {
  return reinterpret_cast<I32>(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(reinterpret_cast<int64_t>(bytes))));
}
SPRAT_INLINE I32 widen_bytes(Bytes<uint8_t, 8> bytes, I32) {
  return reinterpret_cast<I32>(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(reinterpret_cast<int64_t>(bytes))));
}
SPRAT_INLINE I64 widen_bytes(Bytes<uint8_t, 4> bytes, I64) {
  return reinterpret_cast<I64>(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(reinterpret_cast<int32_t>(bytes))));
}
SPRAT_INLINE F32 widen_bytes(Bytes<int8_t, 8> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE F32 widen_bytes(Bytes<uint8_t, 8> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE Bytes<uint8_t, 8> narrow_to_bytes(I32 a) {
  const __m256i low = reinterpret_cast<__m256i>(a & 0xff);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  return reinterpret_cast<Bytes<uint8_t, 8>>(_mm_cvtsi128_si64(_mm_packus_epi16(words, words)));
}

}  // namespace native
SPRAT_ISA_END
