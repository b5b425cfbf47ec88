// 128 bits of numbers, moved at once: the widest access of a thread; and the chunk of elements that a block takes.
#pragma once

#include <cstdint>

#include "core/align.h"
#include "core/macros.h"
#include "cuda/launch.h"

SPRAT_ISA_BEGIN

constexpr int kPackBytes = 16;

template <class T>
struct alignas(kPackBytes) Pack {
  static constexpr int kCount = kPackBytes / sizeof(T);
  T at[kCount];
};
// As many bytes as a pack of T has numbers: flags or codes.
template <class T, class Byte = uint8_t>
struct alignas(Pack<T>::kCount) PackOfBytes {
  Byte at[Pack<T>::kCount];
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

template <class T>
constexpr int kRounds = 2;  // packs of a thread
template <class T>
constexpr int64_t kChunk = int64_t{cuda::kThreads} * Pack<T>::kCount* kRounds<T>;

// The elements [begin, begin + kChunk<T>) of a block, as far as there are so many: whole(i) for packs that begin at i,
// one(i) for an element. Neighbouring threads take neighbouring packs.
template <class T, class Whole, class One>
__device__ SPRAT_INLINE void for_chunk(int64_t begin, int64_t length, bool packs, const Whole& whole, const One& one) {
  constexpr int kCount = Pack<T>::kCount;
  const int thread = static_cast<int>(threadIdx.x);
  int64_t j = begin + thread, step = cuda::kThreads;
  int64_t end = length - begin < kChunk<T> ? length : begin + kChunk<T>;
  if (packs) {
    end = 0;
#pragma unroll 1
    for (int round = 0; round < kRounds<T>; ++round) {
      const int64_t i = begin + int64_t{round * cuda::kThreads + thread} * kCount;
      if (i + kCount <= length) {
        whole(i);
      } else if (i < length) {  // the array's last elements are one thread's
        j = i;
        step = 1;
        end = length;
      }
    }
  }
#pragma unroll 1
  for (; j < end; j += step) one(j);
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
