// Exact dot products of bytes: 32-bit sums of u8 x s8, four products to each lane.
//
//   dot(sum, a, w): sum[lane] + (a[4 lane] - kCodeBias) w[4 lane] + ... + (a[4 lane + 3] - kCodeBias) w[4 lane + 3]
//
// a holds unsigned bytes, w signed ones. One instruction where there is VNNI. NEON's multiplies bytes of the same sign:
// there a is moved to -128 ... 127, and kCodeBias is 128 instead of 0; whoever begins a sum takes that back. Elsewhere
// the even and the odd bytes are widened to 16 bits, multiplied and added in pairs: exact, unlike the one instruction
// (pmaddubsw) that looks made for it and saturates at 32767.
#pragma once

#include "simd/vec.h"

// What a compiler cannot look through: else it loads from memory twice what is used twice, and takes numbers that it is
// to repeat in every lane through general registers, to mask them there.
#if defined(__x86_64__)
#define SPRAT_KEEP_IN_REGISTER(r) __asm__("" : "+v"(r))
#elif defined(__aarch64__)
#define SPRAT_KEEP_IN_REGISTER(r) __asm__("" : "+w"(r))
#else
#define SPRAT_KEEP_IN_REGISTER(r)
#endif

SPRAT_ISA_BEGIN

namespace native {

using I16 = Register<int16_t>;

// sum[lane] + a[2 lane] b[2 lane] + a[2 lane + 1] b[2 lane + 1]; each product must fit 16 bits.
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
SPRAT_INLINE I32 add_pairs(I32 sum, I16 a, I16 b) {
  return sum + reinterpret_cast<I32>(_mm512_madd_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
#elif defined(SPRAT_ISA_AVX2)
SPRAT_INLINE I32 add_pairs(I32 sum, I16 a, I16 b) {
  return sum + reinterpret_cast<I32>(_mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
#elif !defined(SPRAT_ISA_PORTABLE) && defined(__SSE2__)
SPRAT_INLINE I32 add_pairs(I32 sum, I16 a, I16 b) {
  return sum + reinterpret_cast<I32>(_mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
}
#elif !defined(SPRAT_ISA_PORTABLE) && defined(__ARM_NEON) && defined(__aarch64__)
SPRAT_INLINE I32 add_pairs(I32 sum, I16 a, I16 b) { return vpadalq_s16(sum, a * b); }
#else
SPRAT_INLINE I32 add_pairs(I32 sum, I16 a, I16 b) {
  for (int lane = 0; lane < kLanes<int32_t>; ++lane) {
    sum[lane] += a[2 * lane] * b[2 * lane] + a[2 * lane + 1] * b[2 * lane + 1];
  }
  return sum;
}
#endif

}  // namespace native

#if defined(SPRAT_ISA_NEON_DOT)
constexpr int32_t kCodeBias = 128;
#else
constexpr int32_t kCodeBias = 0;
#endif

#if defined(SPRAT_ISA_AVX512_VNNI) || defined(SPRAT_ISA_NEON_DOT)

struct UnsignedBytes {
  native::I32 bytes;
};
struct SignedBytes {
  native::I32 bytes;
};
SPRAT_INLINE SignedBytes split_signed(native::I32 bytes) { return {bytes}; }

#endif
#if defined(SPRAT_ISA_NEON_DOT)

SPRAT_INLINE UnsignedBytes split_unsigned(native::I32 bytes) {
  return {reinterpret_cast<native::I32>(reinterpret_cast<uint8x16_t>(bytes) ^ uint8_t{kCodeBias})};
}
SPRAT_INLINE Vec<int32_t> dot(Vec<int32_t> sum, UnsignedBytes a, SignedBytes w) {
  return Vec<int32_t>(vdotq_s32(sum.r, reinterpret_cast<int8x16_t>(a.bytes), reinterpret_cast<int8x16_t>(w.bytes)));
}

#elif defined(SPRAT_ISA_AVX512_VNNI)

SPRAT_INLINE UnsignedBytes split_unsigned(native::I32 bytes) { return {bytes}; }
SPRAT_INLINE Vec<int32_t> dot(Vec<int32_t> sum, UnsignedBytes a, SignedBytes w) {
  return Vec<int32_t>(reinterpret_cast<native::I32>(_mm512_dpbusd_epi32(
      reinterpret_cast<__m512i>(sum.r), reinterpret_cast<__m512i>(a.bytes), reinterpret_cast<__m512i>(w.bytes))));
}

#else

struct UnsignedBytes {
  native::I16 even, odd;
};
struct SignedBytes {
  native::I16 even, odd;
};
SPRAT_INLINE UnsignedBytes split_unsigned(native::I32 bytes) {
  using U16 = native::Register<uint16_t>;
  return {reinterpret_cast<native::I16>(bytes & 0x00ff00ff),
          reinterpret_cast<native::I16>(reinterpret_cast<U16>(bytes) >> 8)};
}
SPRAT_INLINE SignedBytes split_signed(native::I32 bytes) {
  const native::I16 words = reinterpret_cast<native::I16>(bytes);
  return {(words << 8) >> 8, words >> 8};
}
SPRAT_INLINE Vec<int32_t> dot(Vec<int32_t> sum, UnsignedBytes a, SignedBytes w) {
  return Vec<int32_t>(native::add_pairs(native::add_pairs(sum.r, a.even, w.even), a.odd, w.odd));
}

#endif

// The same four bytes in every lane.
SPRAT_INLINE UnsignedBytes broadcast_four(const uint8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  native::I32 bytes = native::broadcast(four);
#if !defined(SPRAT_ISA_AVX512_VNNI)
  SPRAT_KEEP_IN_REGISTER(bytes);
#endif
  return split_unsigned(bytes);
}
SPRAT_INLINE SignedBytes load_fours(const int8_t* p) {
  native::I32 bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return split_signed(bytes);
}

SPRAT_ISA_END
