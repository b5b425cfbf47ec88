// The sizes of a register tile and of a panel: see README.md.
#pragma once

#include "core/unroll.h"
#include "simd/transpose.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// kMaxRows x kPanelVecs registers of sums, kPanelVecs of B and one of A must fit the register file, and at least
// (latency x pipes) sums must be in flight.
constexpr int kPanelVecs = 2;
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI) || defined(SPRAT_ISA_NEON) || \
    defined(SPRAT_ISA_NEON_DOT)
constexpr int kMaxRows = 8;  // 32 registers
#elif defined(SPRAT_ISA_AVX2)
constexpr int kMaxRows = 6;  // 16 registers
#else
constexpr int kMaxRows = 4;  // 16 registers, and fma takes some for its emulation
#endif

template <class T>
constexpr int64_t kPanelColumns = kPanelVecs* kLanes<Vec<T>>;

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Columns that a panel of n columns in all holds, and the columns it takes in memory (whole registers).
template <class T>
SPRAT_INLINE int64_t columns_of(int64_t n, int64_t panel) {
  return smaller(n - panel * kPanelColumns<T>, kPanelColumns<T>);
}
template <class T>
SPRAT_INLINE int64_t width_of(int64_t columns) {
  return divide_up(columns, kLanes<Vec<T>>) * kLanes<Vec<T>>;
}

// Writes the transpose of a matrix: from(r, c) = from[r * from_stride + c] to to[c * to_stride + r], in square blocks
// that are turned in registers. Rows beyond `rows` up to `padded_rows`, a multiple of the lanes, become zeros.
template <class T>
SPRAT_INLINE void transpose_into(const T* from, int64_t from_stride, int64_t rows, int64_t padded_rows, int64_t columns,
                                 T* to, int64_t to_stride) {
  using V = Vec<T>;
  constexpr int64_t kLane = kLanes<V>;
  for (int64_t c = 0; c < columns; c += kLane) {
    for (int64_t r = 0; r < padded_rows; r += kLane) {
      V block[kLane];
      const auto load = [&](auto&& count) SPRAT_INLINE_LAMBDA {
        SPRAT_UNROLL(16)
        for (int64_t i = 0; i < kLane; ++i) block[i] = V::load_partial(from + (r + i) * from_stride + c, count(i));
      };
      if (r + kLane <= rows) {
        load([&](int64_t) SPRAT_INLINE_LAMBDA { return columns - c; });
      } else {
        load([&](int64_t i) SPRAT_INLINE_LAMBDA { return r + i < rows ? columns - c : 0; });
      }
      transpose(block);
      SPRAT_UNROLL(16)
      for (int64_t i = 0; i < kLane; ++i) {
        if (c + i < columns) block[i].store(to + (c + i) * to_stride + r);
      }
    }
  }
}

SPRAT_ISA_END
