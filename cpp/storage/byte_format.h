// What the formats of one byte share: four registers of integers, limited to the codes in use, fill one of bytes.
#pragma once

#if defined(SPRAT_ISA_CUDA)
#include "simd/vec.h"
#else
#include "simd/pack.h"
#endif

SPRAT_ISA_BEGIN

#if defined(SPRAT_ISA_CUDA)
// A thread moves its bytes itself.
template <class Byte>
struct ByteFormat {
  using Element = Byte;
};
#else

template <class Byte>
struct ByteFormat {
  using Element = Byte;
  using Limits = ByteLimits<Byte>;

  // Numbers in V lie in [kMin, kMax]; whole registers, then the first n lanes with the rest zero.
  template <class V>
  SPRAT_INLINE static V load(const Element* p) {
    return load_bytes<V>(p, kLanes<V>);
  }
  template <class V>
  SPRAT_INLINE static V load_partial(const Element* p, int64_t n) {
    return load_bytes<V>(p, n);
  }
  template <class V>
  SPRAT_INLINE static void store(Element* p, V v) {
    store_bytes(p, v, kLanes<V>);
  }
  template <class V>
  SPRAT_INLINE static void store_partial(Element* p, V v, int64_t n) {
    store_bytes(p, v, n);
  }

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
#endif

SPRAT_ISA_END
