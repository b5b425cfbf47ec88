// Stores that pass the caches by: for results too large to be found there again. Without them every line that is
// written is fetched from memory first.
//
//   stream_bytes(p, r)       a register of any kind; p is a multiple of its size
//   stream_fence()           before another thread may read what was stored
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class R>
SPRAT_INLINE void stream_bytes(void* p, R r) {
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), reinterpret_cast<__m512i>(r));
#elif defined(SPRAT_ISA_AVX2)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(r));
#elif !defined(SPRAT_ISA_PORTABLE) && defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), reinterpret_cast<__m128i>(r));
#else
  __builtin_memcpy(p, &r, sizeof r);
#endif
}

SPRAT_INLINE void stream_fence() {
#if !defined(SPRAT_ISA_PORTABLE) && defined(__SSE2__)
  _mm_sfence();
#endif
}

// How many elements to the next multiple of a register: fewer than it holds.
template <class T>
SPRAT_INLINE int64_t until_aligned(const T* p) {
  return static_cast<int64_t>(-reinterpret_cast<uintptr_t>(p) % native::kRegisterBytes / sizeof(T));
}

SPRAT_ISA_END
