// A sparse product for batches in panels: kernels/sparse.h, SparseLists.
#pragma once

#include "kernels/panel.h"
#include "kernels/sparse.h"

SPRAT_ISA_BEGIN

// Panels that share the reading of weights: their sums fill half of the register file.
constexpr int kListPanels = kLanes<Vec<float>> == 16 ? 2 : 4;

constexpr int64_t kRowsInPanels = kLanes<Vec<float>> == 16 ? 16 : 3;

// kPanels panels of kVecs registers each (fewer than a panel has where its last rows are missing).
template <int kPanels, int kVecs>
SPRAT_NOINLINE void lists_tile(const SparseLists& w, const float* x, float floor, float* y) {
  using V = Vec<float>;
  constexpr int64_t kWidth = kPanelColumns<float>;
  const int64_t x_stride = w.k * kWidth, y_stride = w.n * kWidth;
  for (int64_t window = 0; window < w.windows; ++window) {
    const int64_t* begins = w.begins + window * w.n;
    const int32_t* outputs = w.outputs + window * w.n;
    const bool last = window + 1 == w.windows;
    for (int64_t s = 0; s < w.n; ++s) {
      const int64_t output = outputs[s];
      float* to = y + output * kWidth;
      V sum[kPanels][kVecs];
      const auto for_each_sum = [&](auto&& body) SPRAT_INLINE_LAMBDA {
        SPRAT_UNROLL(4)
        for (int p = 0; p < kPanels; ++p) {
          SPRAT_UNROLL(2)
          for (int v = 0; v < kVecs; ++v) body(sum[p][v], p, v * kLanes<V>);
        }
      };
      if (window == 0) {
        for_each_sum([](V& total, int, int) SPRAT_INLINE_LAMBDA { total = V(0.0f); });
      } else {
        for_each_sum([&](V& total, int p, int lane) SPRAT_INLINE_LAMBDA { total = V::load(to + p * y_stride + lane); });
      }
      for (int64_t i = begins[s]; i < begins[s + 1]; ++i) {
        const float* from = x + w.inputs[i] * kWidth;
        const V weight(w.weights[i]);
        for_each_sum([&](V& total, int p, int lane)
                         SPRAT_INLINE_LAMBDA { total = fma(weight, V::load(from + p * x_stride + lane), total); });
      }
      if (last) {
        const V bias(w.bias[output]);
        for_each_sum([&](V& total, int, int) SPRAT_INLINE_LAMBDA { total = max(V(floor), total + bias); });
      }
      for_each_sum([&](V& total, int p, int lane) SPRAT_INLINE_LAMBDA { total.store(to + p * y_stride + lane); });
    }
  }
}

inline void multiply_lists(const SparseLists& w, const float* x, int64_t rows, float floor, float* y) {
  constexpr int64_t kWidth = kPanelColumns<float>;
  const int64_t panels = divide_up(rows, kWidth);
  const auto x_of = [&](int64_t panel) { return x + panel * w.k * kWidth; };
  const auto y_of = [&](int64_t panel) { return y + panel * w.n * kWidth; };
  int64_t panel = 0;
  for (; panel + kListPanels <= panels; panel += kListPanels) {
    lists_tile<kListPanels, kPanelVecs>(w, x_of(panel), floor, y_of(panel));
  }
  for (; panel < panels; ++panel) {
    const auto tile = rows - panel * kWidth <= kWidth / 2 ? lists_tile<1, kPanelVecs / 2> : lists_tile<1, kPanelVecs>;
    tile(w, x_of(panel), floor, y_of(panel));
  }
}

SPRAT_ISA_END
