// A window of 32 neighbouring floats of which each lane takes one: what a sparse row looks up in its input.
//
// With AVX-512 the window lies in two registers, and one permutation serves 16 lanes. AVX2 permutes eight at a time,
// and bits 3 and 4 of a place choose among four. Elsewhere a lane is a load.
#pragma once

#include "core/unroll.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

constexpr int64_t kWindow = 32;

#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)

// Where the lanes look: bytes below kWindow.
struct WindowPlaces {
  Vec<int32_t> index;
  SPRAT_INLINE static WindowPlaces load(const uint8_t* places) { return {load_u8<Vec<int32_t>>(places)}; }
};

struct Window {
  Vec<float> low, high;
  SPRAT_INLINE static Window load(const float* x) { return {Vec<float>::load(x), Vec<float>::load(x + 16)}; }
  SPRAT_INLINE Vec<float> at(WindowPlaces places) const {
    return Vec<float>(_mm512_permutex2var_ps(low.r, reinterpret_cast<__m512i>(places.index.r), high.r));
  }
};

#elif defined(SPRAT_ISA_AVX2)

struct WindowPlaces {
  Vec<int32_t> index;
  __m256 odd_eight, high_half;  // bit 3 and bit 4, as the sign
  SPRAT_INLINE static WindowPlaces load(const uint8_t* places) {
    const Vec<int32_t> index = load_u8<Vec<int32_t>>(places);
    return {index, reinterpret_cast<__m256>((index << 28).r), reinterpret_cast<__m256>((index << 27).r)};
  }
};

struct Window {
  const float* x;
  SPRAT_INLINE static Window load(const float* x) { return {x}; }
  SPRAT_INLINE Vec<float> at(WindowPlaces places) const {
    const auto eight = [&](int i) SPRAT_INLINE_LAMBDA {
      return _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + 8 * i), reinterpret_cast<__m256i>(places.index.r));
    };
    const __m256 low = _mm256_blendv_ps(eight(0), eight(1), places.odd_eight);
    const __m256 high = _mm256_blendv_ps(eight(2), eight(3), places.odd_eight);
    return Vec<float>(_mm256_blendv_ps(low, high, places.high_half));
  }
};

#else

struct WindowPlaces {
  const uint8_t* places;
  SPRAT_INLINE static WindowPlaces load(const uint8_t* places) { return {places}; }
};

struct Window {
  const float* x;
  SPRAT_INLINE static Window load(const float* x) { return {x}; }
  SPRAT_INLINE Vec<float> at(WindowPlaces places) const {
    Vec<float> values;
    SPRAT_UNROLL(8)
    for (int i = 0; i < kLanes<Vec<float>>; ++i) values.r[i] = x[places.places[i]];
    return values;
  }
};

#endif

SPRAT_ISA_END
