// 128 bits of numbers, moved at once: the widest access of a thread.
#pragma once

#include <cstdint>

#include "core/align.h"
#include "core/macros.h"

SPRAT_ISA_BEGIN

constexpr int kPackBytes = 16;

template <class T>
struct alignas(kPackBytes) Pack {
  static constexpr int kCount = kPackBytes / sizeof(T);
  T at[kCount];
};
// As many flags as a pack has numbers.
template <class T>
struct alignas(Pack<T>::kCount) PackOfBytes {
  uint8_t at[Pack<T>::kCount];
};

// Of a kernel's array at `begin`, a multiple of kCount from an aligned start.
template <class P, class T>
__device__ SPRAT_INLINE P load_pack(const T* at) {
  return *reinterpret_cast<const P*>(at);
}
template <class P, class T>
__device__ SPRAT_INLINE void store_pack(T* at, const P& pack) {
  *reinterpret_cast<P*>(at) = pack;
}

// Whether packs of T can be read from each array; NULL, an array that is not there, never stands in the way.
template <class T>
bool allow_packs(const void* array) {
  return is_aligned(array, kPackBytes);
}
template <class T>
bool allow_byte_packs(const void* bytes) {
  return is_aligned(bytes, Pack<T>::kCount);
}

SPRAT_ISA_END
