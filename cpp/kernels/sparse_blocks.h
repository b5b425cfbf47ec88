// A product whose weight has zeros in blocks: kernels/sparse.h, SparseBlocks.
#pragma once

#include "kernels/panel.h"
#include "kernels/sparse.h"

SPRAT_ISA_BEGIN

// Rows whose sums for a panel fit the register file.
constexpr int64_t kBlockRows = kMaxRows == 8 && kLanes<Vec<float>> == 16 ? 8 : 4;

template <int kRows>
SPRAT_NOINLINE void blocks_tile(const SparseBlocks& w, int64_t panel, const float* x, float floor, float* y) {
  using V = Vec<float>;
  constexpr int kRegisters = kSparsePanel / kLanes<V>;
  V sum[kRows][kRegisters];
  const auto for_each_sum = [&](auto&& body) SPRAT_INLINE_LAMBDA {
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      SPRAT_UNROLL(4)
      for (int v = 0; v < kRegisters; ++v) body(sum[r][v], r, v * kLanes<V>);
    }
  };
  for_each_sum([](V& total, int, int) SPRAT_INLINE_LAMBDA { total = V(0.0f); });
  for (int64_t b = w.begins[panel]; b < w.begins[panel + 1]; ++b) {
    const float* from = x + w.inputs[b];
    const float* weights = w.weights + b * kSparsePanel;
    for_each_sum([&](V& total, int r, int lane)
                     SPRAT_INLINE_LAMBDA { total = fma(V(from[r * w.k]), V::load(weights + lane), total); });
  }
  const int64_t first = panel * kSparsePanel;
  for_each_sum([&](V& total, int r, int lane) SPRAT_INLINE_LAMBDA {
    const V value = max(V(floor), total + V::load(w.bias + first + lane));
    value.store_partial(y + r * w.n + first + lane, w.n - first - lane);
  });
}

template <int kRows>
SPRAT_INLINE void blocks_rows(const SparseBlocks& w, const float* x, float floor, float* y) {
  for (int64_t panel = 0; panel < divide_up(w.n, kSparsePanel); ++panel) blocks_tile<kRows>(w, panel, x, floor, y);
}

inline void multiply_blocks(const SparseBlocks& w, const float* x, int64_t rows, float floor, float* y) {
  int64_t row = 0;
  const auto rows_of = [&](auto&& multiply, int64_t count) SPRAT_INLINE_LAMBDA {
    for (; row + count <= rows; row += count) multiply(w, x + row * w.k, floor, y + row * w.n);
  };
  if constexpr (kBlockRows == 8) rows_of(blocks_rows<8>, 8);
  rows_of(blocks_rows<4>, 4);
  rows_of(blocks_rows<2>, 2);
  rows_of(blocks_rows<1>, 1);
}

SPRAT_ISA_END
