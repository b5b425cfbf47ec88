// Loads and stores of vec.h that serve scalars and registers alike: values, bytes, masks; whole and partial.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_INLINE V load(const Scalar<V>* p) {
  if constexpr (kLanes<V> == 1) {
    return *p;
  } else {
    return V::load(p);
  }
}
template <class V>
SPRAT_INLINE V load_partial(const Scalar<V>* p, int64_t n) {
  if constexpr (kLanes<V> == 1) {
    return n > 0 ? *p : V(0);
  } else {
    return V::load_partial(p, n);
  }
}
template <class V>
SPRAT_INLINE void store(Scalar<V>* p, V v) {
  if constexpr (kLanes<V> == 1) {
    *p = v;
  } else {
    v.store(p);
  }
}
template <class V>
SPRAT_INLINE void store_partial(Scalar<V>* p, V v, int64_t n) {
  if constexpr (kLanes<V> == 1) {
    if (n > 0) *p = v;
  } else {
    v.store_partial(p, n);
  }
}

// kLanes<V> bytes as one small vector, and the same number of bytes as V.
template <class V, class Byte>
SPRAT_INLINE V load_bytes(const Byte* p, int64_t n) {
  if constexpr (kLanes<V> == 1) {
    return n > 0 ? V(*p) : V(0);
  } else {
    native::Bytes<Byte, kLanes<V>> bytes{};
    native::copy(reinterpret_cast<Byte*>(&bytes), p, n, native::LaneCount<kLanes<V>>{});
    return V(native::widen_bytes(bytes, typename V::Register{}));
  }
}
template <class V, class Byte>
SPRAT_INLINE void store_bytes(Byte* p, V v, int64_t n) {
  if constexpr (kLanes<V> == 1) {
    if (n > 0) *p = static_cast<Byte>(round_to_int(v));
  } else {
    const auto bytes = native::narrow_to_bytes(round_to_int(v).r);
    native::copy(p, reinterpret_cast<const Byte*>(&bytes), n, native::LaneCount<kLanes<V>>{});
  }
}

template <class V>
SPRAT_INLINE V load_i8(const int8_t* p) {
  return load_bytes<V>(p, kLanes<V>);
}
template <class V>
SPRAT_INLINE V load_u8(const uint8_t* p) {
  return load_bytes<V>(p, kLanes<V>);
}
template <class V>
SPRAT_INLINE V load_i8_partial(const int8_t* p, int64_t n) {
  return load_bytes<V>(p, n);
}
template <class V>
SPRAT_INLINE V load_u8_partial(const uint8_t* p, int64_t n) {
  return load_bytes<V>(p, n);
}
template <class V>
SPRAT_INLINE void store_i8(int8_t* p, V v) {
  store_bytes(p, v, kLanes<V>);
}
template <class V>
SPRAT_INLINE void store_u8(uint8_t* p, V v) {
  store_bytes(p, v, kLanes<V>);
}
template <class V>
SPRAT_INLINE void store_i8_partial(int8_t* p, V v, int64_t n) {
  store_bytes(p, v, n);
}
template <class V>
SPRAT_INLINE void store_u8_partial(uint8_t* p, V v, int64_t n) {
  store_bytes(p, v, n);
}

template <class V>
SPRAT_INLINE Mask<V> load_mask_u8_partial(const uint8_t* p, int64_t n) {
  return load_bytes<Int<V>>(p, n) != 0;
}
template <class V>
SPRAT_INLINE Mask<V> load_mask_u8(const uint8_t* p) {
  return load_mask_u8_partial<V>(p, kLanes<V>);
}

SPRAT_INLINE void store_mask_u8_partial(uint8_t* p, bool mask, int64_t n) {
  if (n > 0) *p = mask;
}
template <class T>
SPRAT_INLINE void store_mask_u8_partial(uint8_t* p, VecMask<T> mask, int64_t n) {
  constexpr int lanes = native::kLanes<T>;
  uint64_t bytes[(lanes + 7) / 8];
  for (int i = 0; i < lanes; i += 8) {
    // Copy eight bits into each of eight bytes, keep bit i in byte i, then carry it to the bottom of its byte.
    uint64_t spread = ((mask_bits(mask) >> i) & 0xff) * uint64_t{0x0101010101010101};
    spread &= 0x8040201008040201;
    bytes[i / 8] = ((spread + 0x7f7f7f7f7f7f7f7f) >> 7) & 0x0101010101010101;
  }
  native::copy(p, reinterpret_cast<const uint8_t*>(bytes), n, native::LaneCount<lanes>{});
}
SPRAT_INLINE void store_mask_u8(uint8_t* p, bool mask) { *p = mask; }
template <class T>
SPRAT_INLINE void store_mask_u8(uint8_t* p, VecMask<T> mask) {
  store_mask_u8_partial(p, mask, native::kLanes<T>);
}

SPRAT_ISA_END
