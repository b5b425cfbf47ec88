// uint8: [0, 255].
#pragma once

#include "simd/pack.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

struct UInt8 {
  static constexpr sprat_dtype kDtype = SPRAT_UINT8;
  using Element = uint8_t;
  static constexpr int32_t kMin = 0, kMax = 255;

  // Numbers in V lie in [kMin, kMax]; whole registers, then the first n lanes with the rest zero.
  template <class V>
  SPRAT_INLINE static V load(const Element* p) {
    return load_u8<V>(p);
  }
  template <class V>
  SPRAT_INLINE static V load_partial(const Element* p, int64_t n) {
    return load_u8_partial<V>(p, n);
  }
  template <class V>
  SPRAT_INLINE static void store(Element* p, V v) {
    store_u8(p, v);
  }
  template <class V>
  SPRAT_INLINE static void store_partial(Element* p, V v, int64_t n) {
    store_u8_partial(p, v, n);
  }

  // Four registers of integers, limited to the codes in use.
  using Limits = ByteLimits<Element>;
  SPRAT_INLINE static auto pack_group(const Vec<int32_t> (&codes)[4], const Limits& limits) {
    return pack_codes(codes, limits);
  }
  SPRAT_INLINE static void store_group(Element* p, const Vec<int32_t> (&codes)[4], const Limits& limits) {
    store_codes(p, codes, limits);
  }
  SPRAT_INLINE static void store_group_partial(Element* p, const Vec<int32_t> (&codes)[4], const Limits& limits,
                                               int64_t n) {
    store_codes_partial(p, codes, limits, n);
  }
};

SPRAT_ISA_END
