// AVX-512 F, DQ, BW and VL: masks live in mask registers.
#pragma once

// gcc 12 writes some intrinsics with a register that it leaves undefined on purpose, and then warns (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "core/macros.h"

SPRAT_ISA_BEGIN
namespace native {
constexpr int kRegisterBytes = 64;
}
SPRAT_ISA_END

#include "simd/registers.h"

SPRAT_ISA_BEGIN
namespace native {

template <>
struct MaskOf<int32_t> {
  using type = __mmask16;
};
template <>
struct MaskOf<int64_t> {
  using type = __mmask8;
};
#define SPRAT_I(r) reinterpret_cast<__m512i>(r)
SPRAT_INLINE __mmask16 less(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
SPRAT_INLINE __mmask8 less(F64 a, F64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
SPRAT_INLINE __mmask16 less(I32 a, I32 b) { return _mm512_cmplt_epi32_mask(SPRAT_I(a), SPRAT_I(b)); }
SPRAT_INLINE __mmask8 less(I64 a, I64 b) { return _mm512_cmplt_epi64_mask(SPRAT_I(a), SPRAT_I(b)); }
SPRAT_INLINE __mmask16 less_equal(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
SPRAT_INLINE __mmask8 less_equal(F64 a, F64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
SPRAT_INLINE __mmask16 less_equal(I32 a, I32 b) { return _mm512_cmple_epi32_mask(SPRAT_I(a), SPRAT_I(b)); }
SPRAT_INLINE __mmask8 less_equal(I64 a, I64 b) { return _mm512_cmple_epi64_mask(SPRAT_I(a), SPRAT_I(b)); }
SPRAT_INLINE __mmask16 equal(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
SPRAT_INLINE __mmask8 equal(F64 a, F64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
SPRAT_INLINE __mmask16 equal(I32 a, I32 b) { return _mm512_cmpeq_epi32_mask(SPRAT_I(a), SPRAT_I(b)); }
SPRAT_INLINE __mmask8 equal(I64 a, I64 b) { return _mm512_cmpeq_epi64_mask(SPRAT_I(a), SPRAT_I(b)); }
SPRAT_INLINE F32 select(__mmask16 m, F32 a, F32 b) { return _mm512_mask_blend_ps(m, b, a); }
SPRAT_INLINE F64 select(__mmask8 m, F64 a, F64 b) { return _mm512_mask_blend_pd(m, b, a); }
SPRAT_INLINE I32 select(__mmask16 m, I32 a, I32 b) {
  return reinterpret_cast<I32>(_mm512_mask_blend_epi32(m, SPRAT_I(b), SPRAT_I(a)));
}
SPRAT_INLINE I64 select(__mmask8 m, I64 a, I64 b) {
  return reinterpret_cast<I64>(_mm512_mask_blend_epi64(m, SPRAT_I(b), SPRAT_I(a)));
}
SPRAT_INLINE uint32_t mask_bits(__mmask16 m) { return m; }
SPRAT_INLINE uint32_t mask_bits(__mmask8 m) { return m; }
#undef SPRAT_I

SPRAT_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
SPRAT_INLINE F64 fma(F64 a, F64 b, F64 c) { return _mm512_fmadd_pd(a, b, c); }
SPRAT_INLINE F32 sqrt(F32 a) { return _mm512_sqrt_ps(a); }
SPRAT_INLINE F64 sqrt(F64 a) { return _mm512_sqrt_pd(a); }
SPRAT_INLINE F32 min(F32 a, F32 b) { return _mm512_min_ps(a, b); }
SPRAT_INLINE F64 min(F64 a, F64 b) { return _mm512_min_pd(a, b); }
SPRAT_INLINE I32 min(I32 a, I32 b) { return select(less(a, b), a, b); }
SPRAT_INLINE I64 min(I64 a, I64 b) { return select(less(a, b), a, b); }
SPRAT_INLINE F32 max(F32 a, F32 b) { return _mm512_max_ps(a, b); }
SPRAT_INLINE F64 max(F64 a, F64 b) { return _mm512_max_pd(a, b); }
SPRAT_INLINE I32 max(I32 a, I32 b) { return select(less(b, a), a, b); }
SPRAT_INLINE I64 max(I64 a, I64 b) { return select(less(b, a), a, b); }
SPRAT_INLINE F32 round_even(F32 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
SPRAT_INLINE F64 round_even(F64 a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

SPRAT_INLINE I32 round_to_int(F32 a) { return reinterpret_cast<I32>(_mm512_cvtps_epi32(a)); }
SPRAT_INLINE F64 widen_low(F32 a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
SPRAT_INLINE F64 widen_high(F32 a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
SPRAT_INLINE F32 narrow(F64 low, F64 high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}

// Lanes below n. The masked moves never touch memory under a false lane.
SPRAT_INLINE __mmask16 lanes_below_32(int64_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1u << n) - 1);
}
SPRAT_INLINE __mmask8 lanes_below_64(int64_t n) {
  return static_cast<__mmask8>(n >= 8 ? 0xff : n <= 0 ? 0 : (1u << n) - 1);
}
SPRAT_INLINE F32 load_partial(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(lanes_below_32(n), p); }
SPRAT_INLINE F64 load_partial(const double* p, int64_t n) { return _mm512_maskz_loadu_pd(lanes_below_64(n), p); }
SPRAT_INLINE void store_partial(float* p, F32 r, int64_t n) { _mm512_mask_storeu_ps(p, lanes_below_32(n), r); }
SPRAT_INLINE void store_partial(double* p, F64 r, int64_t n) { _mm512_mask_storeu_pd(p, lanes_below_64(n), r); }

SPRAT_INLINE I32 widen_bytes(Bytes<int8_t, 16> bytes, I32) {
  return reinterpret_cast<I32>(_mm512_cvtepi8_epi32(reinterpret_cast<__m128i>(bytes)));
}
SPRAT_INLINE I32 widen_bytes(Bytes<uint8_t, 16> bytes, I32) {
  return reinterpret_cast<I32>(_mm512_cvtepu8_epi32(reinterpret_cast<__m128i>(bytes)));
}
SPRAT_INLINE F32 widen_bytes(Bytes<int8_t, 16> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE F32 widen_bytes(Bytes<uint8_t, 16> bytes, F32) { return to_real(widen_bytes(bytes, I32{})); }
SPRAT_INLINE Bytes<uint8_t, 16> narrow_to_bytes(I32 a) {
  return reinterpret_cast<Bytes<uint8_t, 16>>(_mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(a)));
}

}  // namespace native
SPRAT_ISA_END
