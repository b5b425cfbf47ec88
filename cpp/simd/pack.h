// Registers packed together: four of int32 as one of bytes, four masks as bytes, some lanes of one next to each other.
//
//   pack_saturated<Byte>(a, b, c, d)      in order; what int8_t or uint8_t cannot hold saturates
//   ByteLimits<Byte>(low, high)           and limited to these codes
//   pack_codes({a, b, c, d}, limits)
//   store_codes(p, {a, b, c, d}, limits)  all 4 kLanes bytes
//   store_codes_partial(..., n)           the first n of them
//   store_masks_u8(p, masks)              4 kLanes bytes of 0 and 1
//   compress_store(p, mask, v)            the lanes under the mask, in order; may write a whole register
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

namespace native {

using I8 = Register<int8_t>;
using U8 = Register<uint8_t>;

#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)

// The packing instructions work within 128 bits: what comes out is a 4 x 4 block of double words, transposed here.
template <class Byte>
SPRAT_INLINE Register<Byte> pack_saturated(I32 a, I32 b, I32 c, I32 d) {
  const __m512i words0 = _mm512_packs_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b));
  const __m512i words1 = _mm512_packs_epi32(reinterpret_cast<__m512i>(c), reinterpret_cast<__m512i>(d));
  const __m512i bytes =
      std::is_signed_v<Byte> ? _mm512_packs_epi16(words0, words1) : _mm512_packus_epi16(words0, words1);
  const I32 order = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  return reinterpret_cast<Register<Byte>>(_mm512_permutexvar_epi32(reinterpret_cast<__m512i>(order), bytes));
}
SPRAT_INLINE I8 clamp_bytes(I8 a, I8 low, I8 high) {
  const __m512i raised = _mm512_max_epi8(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(low));
  return reinterpret_cast<I8>(_mm512_min_epi8(raised, reinterpret_cast<__m512i>(high)));
}
SPRAT_INLINE U8 clamp_bytes(U8 a, U8 low, U8 high) {
  const __m512i raised = _mm512_max_epu8(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(low));
  return reinterpret_cast<U8>(_mm512_min_epu8(raised, reinterpret_cast<__m512i>(high)));
}

template <class Byte>
SPRAT_INLINE void store_bytes_partial(Byte* p, Register<Byte> bytes, int64_t n) {
  const __mmask64 below = n >= 64 ? ~__mmask64{0} : n <= 0 ? 0 : (__mmask64{1} << n) - 1;
  _mm512_mask_storeu_epi8(p, below, reinterpret_cast<__m512i>(bytes));
}

#else

template <class Byte>
SPRAT_INLINE void store_bytes_partial(Byte* p, Register<Byte> bytes, int64_t n) {
  copy(p, reinterpret_cast<const Byte*>(&bytes), n, LaneCount<kLanes<Byte>>{});
}

#endif

#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
#elif defined(SPRAT_ISA_AVX2)

template <class Byte>
SPRAT_INLINE Register<Byte> pack_saturated(I32 a, I32 b, I32 c, I32 d) {
  const __m256i words0 = _mm256_packs_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b));
  const __m256i words1 = _mm256_packs_epi32(reinterpret_cast<__m256i>(c), reinterpret_cast<__m256i>(d));
  const __m256i bytes =
      std::is_signed_v<Byte> ? _mm256_packs_epi16(words0, words1) : _mm256_packus_epi16(words0, words1);
  const I32 order = {0, 4, 1, 5, 2, 6, 3, 7};
  return reinterpret_cast<Register<Byte>>(_mm256_permutevar8x32_epi32(bytes, reinterpret_cast<__m256i>(order)));
}
SPRAT_INLINE I8 clamp_bytes(I8 a, I8 low, I8 high) {
  const __m256i raised = _mm256_max_epi8(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(low));
  return reinterpret_cast<I8>(_mm256_min_epi8(raised, reinterpret_cast<__m256i>(high)));
}
SPRAT_INLINE U8 clamp_bytes(U8 a, U8 low, U8 high) {
  const __m256i raised = _mm256_max_epu8(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(low));
  return reinterpret_cast<U8>(_mm256_min_epu8(raised, reinterpret_cast<__m256i>(high)));
}

#else

#if !defined(SPRAT_ISA_PORTABLE) && defined(__SSE2__)
template <class Byte>
SPRAT_INLINE Register<Byte> pack_saturated(I32 a, I32 b, I32 c, I32 d) {
  const __m128i words0 = _mm_packs_epi32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b));
  const __m128i words1 = _mm_packs_epi32(reinterpret_cast<__m128i>(c), reinterpret_cast<__m128i>(d));
  return reinterpret_cast<Register<Byte>>(std::is_signed_v<Byte> ? _mm_packs_epi16(words0, words1)
                                                                 : _mm_packus_epi16(words0, words1));
}
#elif !defined(SPRAT_ISA_PORTABLE) && defined(__ARM_NEON) && defined(__aarch64__)
template <class Byte>
SPRAT_INLINE Register<Byte> pack_saturated(I32 a, I32 b, I32 c, I32 d) {
  const int16x8_t words0 = vcombine_s16(vqmovn_s32(a), vqmovn_s32(b));
  const int16x8_t words1 = vcombine_s16(vqmovn_s32(c), vqmovn_s32(d));
  if constexpr (std::is_signed_v<Byte>) {
    return vcombine_s8(vqmovn_s16(words0), vqmovn_s16(words1));
  } else {
    return vcombine_u8(vqmovun_s16(words0), vqmovun_s16(words1));
  }
}
#else
template <class Byte>
SPRAT_INLINE Register<Byte> pack_saturated(I32 a, I32 b, I32 c, I32 d) {
  constexpr int32_t low = std::is_signed_v<Byte> ? -128 : 0, high = low + 255;
  const I32 from[4] = {a, b, c, d};
  Register<Byte> bytes{};
  for (int i = 0; i < kLanes<Byte>; ++i) {
    const int32_t x = from[i / kLanes<int32_t>][i % kLanes<int32_t>];
    bytes[i] = static_cast<Byte>(x < low ? low : x > high ? high : x);
  }
  return bytes;
}
#endif

template <class R>
SPRAT_INLINE R clamp_bytes(R a, R low, R high) {
  a = a < low ? low : a;
  return a > high ? high : a;
}

#endif

}  // namespace native

template <class Byte>
struct ByteLimits {
  SPRAT_INLINE ByteLimits(int32_t least, int32_t most)
      : low(native::Register<Byte>{} + static_cast<Byte>(least)),
        high(native::Register<Byte>{} + static_cast<Byte>(most)) {}
  native::Register<Byte> low, high;
};

template <class Byte>
SPRAT_INLINE native::Register<Byte> pack_codes(const Vec<int32_t> (&codes)[4], const ByteLimits<Byte>& limits) {
  const auto bytes = native::pack_saturated<Byte>(codes[0].r, codes[1].r, codes[2].r, codes[3].r);
  return native::clamp_bytes(bytes, limits.low, limits.high);
}
template <class Byte>
SPRAT_INLINE void store_codes(Byte* p, const Vec<int32_t> (&codes)[4], const ByteLimits<Byte>& limits) {
  const auto bytes = pack_codes(codes, limits);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
template <class Byte>
SPRAT_INLINE void store_codes_partial(Byte* p, const Vec<int32_t> (&codes)[4], const ByteLimits<Byte>& limits,
                                      int64_t n) {
  native::store_bytes_partial(p, pack_codes(codes, limits), n);
}

#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)

SPRAT_INLINE void store_masks_u8(uint8_t* p, const VecMask<int32_t> (&masks)[4]) {
  for (int k = 0; k < 4; ++k) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 16 * k), _mm_maskz_set1_epi8(masks[k].m, 1));
  }
}
SPRAT_INLINE void store_masks_u8(uint8_t* p, const VecMask<int64_t> (&masks)[4]) {
  for (int k = 0; k < 4; ++k) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p + 8 * k), _mm_maskz_set1_epi8(masks[k].m, 1));
  }
}
// In a register first: compressing into memory takes a hundred cycles on some processors.
SPRAT_INLINE void compress_store(float* p, VecMask<int32_t> mask, Vec<float> v) {
  Vec<float>(_mm512_maskz_compress_ps(mask.m, v.r)).store(p);
}
SPRAT_INLINE void compress_store(double* p, VecMask<int64_t> mask, Vec<double> v) {
  Vec<double>(_mm512_maskz_compress_pd(mask.m, v.r)).store(p);
}

#else

SPRAT_INLINE void store_masks_u8(uint8_t* p, const VecMask<int32_t> (&masks)[4]) {
  const auto bytes = native::pack_saturated<int8_t>(masks[0].m, masks[1].m, masks[2].m, masks[3].m) & 1;
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
SPRAT_INLINE void store_masks_u8(uint8_t* p, const VecMask<int64_t> (&masks)[4]) {
  for (int k = 0; k < 4; ++k) store_mask_u8(p + k * native::kLanes<double>, masks[k]);
}
template <class T>
SPRAT_INLINE void compress_store(T* p, Mask<Vec<T>> mask, Vec<T> v) {
  T lanes[kLanes<Vec<T>>];
  uint32_t bits = mask_bits(mask);
  if (bits == 0) return;
  v.store(lanes);
  for (; bits != 0; bits &= bits - 1) *p++ = lanes[__builtin_ctz(bits)];
}

#endif

SPRAT_ISA_END
