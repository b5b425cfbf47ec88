// What the formats of one byte share: four registers of integers, limited to the codes in use, fill one of bytes.
#pragma once

#include "simd/pack.h"

SPRAT_ISA_BEGIN

template <class Byte>
struct ByteFormat {
  using Element = Byte;
  using Limits = ByteLimits<Byte>;

  SPRAT_INLINE static auto pack_group(const Vec<int32_t> (&codes)[4], const Limits& limits) {
    return pack_codes(codes, limits);
  }
  SPRAT_INLINE static void store_group(Byte* p, const Vec<int32_t> (&codes)[4], const Limits& limits) {
    store_codes(p, codes, limits);
  }
  SPRAT_INLINE static void store_group_partial(Byte* p, const Vec<int32_t> (&codes)[4], const Limits& limits,
                                               int64_t n) {
    store_codes_partial(p, codes, limits, n);
  }
};

SPRAT_ISA_END
