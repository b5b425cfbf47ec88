// uint8: [0, 255].
#pragma once

#include "simd/vec.h"
#include "sprat/sprat.h"
#include "storage/byte_format.h"

SPRAT_ISA_BEGIN

struct UInt8 : ByteFormat<uint8_t> {
  static constexpr sprat_dtype kDtype = SPRAT_UINT8;
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
};

SPRAT_ISA_END
