// A sparse product for batches in panels: kernels/sparse.h, SparseLists.
#pragma once

#include "kernels/panel.h"
#include "kernels/sparse.h"

SPRAT_ISA_BEGIN

// Panels that share the reading of weights: their sums fill half of the register file.
constexpr int kListPanels = kLanes<Vec<float>> == 16 ? 2 : 4;

constexpr int64_t kRowsInPanels = kLanes<Vec<float>> == 16 ? 16 : 3;

// kPanels panels of kVecs registers each (fewer than a panel has where its last rows are missing), kOutputs outputs at
// once: so many sums are on their way.
template <int kPanels, int kVecs, int kOutputs>
class ListsTile {
  using V = Vec<float>;
  static constexpr int64_t kWidth = kPanelColumns<float>;

 public:
  SPRAT_NOINLINE static void multiply(const SparseLists& w, const float* x, float floor, float* y) {
    for (int64_t window = 0; window < w.windows; ++window) {
      int64_t s = window * w.n;
      const int64_t end = s + w.n;
      for (; s + kOutputs <= end; s += kOutputs) segments<kOutputs>(w, s, window, x, floor, y);
      if constexpr (kOutputs > 1) {
        for (; s < end; ++s) segments<1>(w, s, window, x, floor, y);
      }
    }
  }

 private:
  struct Sum {
    V of[kPanels][kVecs];

    template <class Body>
    SPRAT_INLINE void for_each(Body&& body) {
      SPRAT_UNROLL(4)
      for (int p = 0; p < kPanels; ++p) {
        SPRAT_UNROLL(2)
        for (int v = 0; v < kVecs; ++v) body(of[p][v], p, v * kLanes<V>);
      }
    }
    SPRAT_INLINE void add(const SparseLists& w, int64_t link, const float* x) {
      const float* from = x + w.inputs[link] * kWidth;
      const V weight(w.weights[link]);
      for_each([&](V& total, int p, int lane)
                   SPRAT_INLINE_LAMBDA { total = fma(weight, V::load(from + p * w.k * kWidth + lane), total); });
    }
  };

  // Neighbours are of nearly the same length, the first the shortest.
  template <int kCount>
  SPRAT_INLINE static void segments(const SparseLists& w, int64_t s, int64_t window, const float* x, float floor,
                                    float* y) {
    Sum sum[kCount];
    float* to[kCount];
    SPRAT_UNROLL(4)
    for (int o = 0; o < kCount; ++o) {
      to[o] = y + w.outputs[s + o] * kWidth;
      sum[o].for_each([&](V& total, int p, int lane) SPRAT_INLINE_LAMBDA {
        total = window == 0 ? V(0.0f) : V::load(to[o] + p * w.n * kWidth + lane);
      });
    }
    const int64_t* begins = w.begins + s;
    const int64_t common = begins[1] - begins[0];
    for (int64_t i = 0; i < common; ++i) {
      SPRAT_UNROLL(4)
      for (int o = 0; o < kCount; ++o) sum[o].add(w, begins[o] + i, x);
    }
    SPRAT_UNROLL(4)
    for (int o = 1; o < kCount; ++o) {
      for (int64_t link = begins[o] + common; link < begins[o + 1]; ++link) sum[o].add(w, link, x);
    }
    SPRAT_UNROLL(4)
    for (int o = 0; o < kCount; ++o) {
      if (window + 1 == w.windows) {
        const V bias(w.bias[w.outputs[s + o]]);
        sum[o].for_each([&](V& total, int, int) SPRAT_INLINE_LAMBDA { total = max(V(floor), total + bias); });
      }
      sum[o].for_each([&](V& total, int p, int lane)
                          SPRAT_INLINE_LAMBDA { total.store(to[o] + p * w.n * kWidth + lane); });
    }
  }
};

inline void multiply_lists(const SparseLists& w, const float* x, int64_t rows, float floor, float* y) {
  constexpr int64_t kWidth = kPanelColumns<float>;
  const int64_t panels = divide_up(rows, kWidth);
  const auto x_of = [&](int64_t panel) { return x + panel * w.k * kWidth; };
  const auto y_of = [&](int64_t panel) { return y + panel * w.n * kWidth; };
  int64_t panel = 0;
  for (; panel + kListPanels <= panels; panel += kListPanels) {
    ListsTile<kListPanels, kPanelVecs, 1>::multiply(w, x_of(panel), floor, y_of(panel));
  }
  for (; panel < panels; ++panel) {
    const bool half = rows - panel * kWidth <= kWidth / 2;
    const auto tile = half ? ListsTile<1, kPanelVecs / 2, 4>::multiply : ListsTile<1, kPanelVecs, 2>::multiply;
    tile(w, x_of(panel), floor, y_of(panel));
  }
}

SPRAT_ISA_END
