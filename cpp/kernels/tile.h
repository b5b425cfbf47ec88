// The register tile: the one inner loop of all products.
#pragma once

#include "formulas/activation/relu.h"
#include "kernels/linear.h"
#include "kernels/panel.h"

SPRAT_ISA_BEGIN

// What a tile works on: pointers moved to its first row and column.
template <class T>
struct TileArgs {
  const T* a;
  int64_t a_row_stride, a_k_stride, segment, segment_stride;
  const T* b;
  int64_t b_stride, b_panel_stride;
  int64_t k, block;
  T* c;
  int64_t c_stride, c_panel_stride;
  // NULL: the sums are stored as they are. Else max(floor, sum + row_bias + column_bias), without branches: what there
  // is none of is -0 (x + -0 is x, whatever x is), and the floor of the identity is -infinity.
  const T* row_bias;
  const T* column_bias;  // NULL: -0
  T floor;
  const T* gate;    // not NULL: sum * relu'(gate) instead
  int64_t columns;  // to be stored
};

// The row bias of what has none.
template <class T>
constexpr T kNoBias[] = {T(-0.0), T(-0.0), T(-0.0), T(-0.0), T(-0.0), T(-0.0), T(-0.0), T(-0.0)};
static_assert(kMaxRows <= 8);

// kRows x (kPanels * kVecs) registers of sums, over all of k.
template <class T, int kRows, int kVecs, int kPanels>
SPRAT_NOINLINE void multiply_tile(const TileArgs<T>& t) {
  using V = Vec<T>;
  constexpr int kLane = kLanes<V>, kAll = kVecs * kPanels;
  const T* a = t.a;
  const T* b = t.b;
  const T* segment = t.a;
  int64_t segment_end = t.segment;
  for (int64_t block = 0; block < t.k; block += t.block) {
    const int64_t block_end = smaller(block + t.block, t.k);
    V sum[kRows][kAll];
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      SPRAT_UNROLL(8)
      for (int v = 0; v < kAll; ++v) sum[r][v] = V(T(0));
    }
    for (int64_t k = block; k < block_end;) {
      const int64_t stop = smaller(block_end, segment_end);
      for (; k < stop; ++k, a += t.a_k_stride, b += t.b_stride) {
        V column[kAll];
        SPRAT_UNROLL(8)
        for (int v = 0; v < kAll; ++v) column[v] = V::load(b + (v / kVecs) * t.b_panel_stride + (v % kVecs) * kLane);
        SPRAT_UNROLL(8)
        for (int r = 0; r < kRows; ++r) {
          const V value(a[r * t.a_row_stride]);
          SPRAT_UNROLL(8)
          for (int v = 0; v < kAll; ++v) sum[r][v] = fma(value, column[v], sum[r][v]);
        }
      }
      if (k == segment_end && k < t.k) {
        a = segment += t.segment_stride;
        segment_end += t.segment;
      }
    }
    const auto for_each_sum = [&](auto&& body) SPRAT_INLINE_LAMBDA {
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        SPRAT_UNROLL(8)
        for (int v = 0; v < kAll; ++v) {
          body(r, v, r * t.c_stride + (v / kVecs) * t.c_panel_stride + (v % kVecs) * kLane);
        }
      }
    };
    const bool whole = t.columns >= kAll * kLane;
    if (block > 0) {
      for_each_sum([&](int r, int v, int64_t place) SPRAT_INLINE_LAMBDA {
        const V before = whole ? V::load(t.c + place) : V::load_partial(t.c + place, t.columns - v * kLane);
        sum[r][v] = before + sum[r][v];
      });
    }
    if (block_end == t.k && t.gate) {
      for_each_sum([&](int r, int v, int64_t place) SPRAT_INLINE_LAMBDA {
        sum[r][v] = sum[r][v] * Relu{}.derivative(V(T(0)), V::load(t.gate + place));
      });
    } else if (block_end == t.k && t.row_bias) {
      V column_bias[kAll];
      SPRAT_UNROLL(8)
      for (int v = 0; v < kAll; ++v) {
        column_bias[v] = t.column_bias ? V::load_partial(t.column_bias + v * kLane, t.columns - v * kLane) : V(T(-0.0));
      }
      for_each_sum([&](int r, int v, int64_t) SPRAT_INLINE_LAMBDA {
        sum[r][v] = max(V(t.floor), sum[r][v] + V(t.row_bias[r]) + column_bias[v]);
      });
    }
    if (whole) {
      for_each_sum([&](int r, int v, int64_t place) SPRAT_INLINE_LAMBDA { sum[r][v].store(t.c + place); });
    } else {
      for_each_sum([&](int r, int v, int64_t place)
                       SPRAT_INLINE_LAMBDA { sum[r][v].store_partial(t.c + place, t.columns - v * kLane); });
    }
  }
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

// Tiles<T, kVecs, kPanels>::of[r - 1]: the tile of r rows.
template <class T, int kVecs, int kPanels, int kRows = kMaxRows>
struct Tiles;
template <class T, int kVecs, int kPanels>
struct Tiles<T, kVecs, kPanels, 8> {
  static constexpr Tile<T> of[] = {multiply_tile<T, 1, kVecs, kPanels>, multiply_tile<T, 2, kVecs, kPanels>,
                                   multiply_tile<T, 3, kVecs, kPanels>, multiply_tile<T, 4, kVecs, kPanels>,
                                   multiply_tile<T, 5, kVecs, kPanels>, multiply_tile<T, 6, kVecs, kPanels>,
                                   multiply_tile<T, 7, kVecs, kPanels>, multiply_tile<T, 8, kVecs, kPanels>};
};
template <class T, int kVecs, int kPanels>
struct Tiles<T, kVecs, kPanels, 6> {
  static constexpr Tile<T> of[] = {multiply_tile<T, 1, kVecs, kPanels>, multiply_tile<T, 2, kVecs, kPanels>,
                                   multiply_tile<T, 3, kVecs, kPanels>, multiply_tile<T, 4, kVecs, kPanels>,
                                   multiply_tile<T, 5, kVecs, kPanels>, multiply_tile<T, 6, kVecs, kPanels>};
};
template <class T, int kVecs, int kPanels>
struct Tiles<T, kVecs, kPanels, 4> {
  static constexpr Tile<T> of[] = {multiply_tile<T, 1, kVecs, kPanels>, multiply_tile<T, 2, kVecs, kPanels>,
                                   multiply_tile<T, 3, kVecs, kPanels>, multiply_tile<T, 4, kVecs, kPanels>};
};

// Few rows would wait for each sum before the next: they take several panels at once.
template <class T>
SPRAT_INLINE Tile<T> tile_of(int64_t rows, int64_t panels, int64_t columns) {
  if (panels == 4) return multiply_tile<T, 1, kPanelVecs, 4>;
  if (panels == 2) {
    if (rows == 1) return multiply_tile<T, 1, kPanelVecs, 2>;
    return rows == 2 ? multiply_tile<T, 2, kPanelVecs, 2> : multiply_tile<T, 3, kPanelVecs, 2>;
  }
  return columns > kLanes<Vec<T>> ? Tiles<T, kPanelVecs, 1>::of[rows - 1] : Tiles<T, 1, 1>::of[rows - 1];
}

SPRAT_ISA_END
