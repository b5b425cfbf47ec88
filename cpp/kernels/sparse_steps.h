// A sparse product for few rows: kernels/sparse.h, SparseSteps.
#pragma once

#include "kernels/panel.h"
#include "kernels/sparse.h"
#include "simd/window.h"

SPRAT_ISA_BEGIN

constexpr int kPanelRegisters = kSparsePanel / kLanes<Vec<float>>;
static_assert(kSparseWindow == kWindow);

// Copies a row, zeros behind it. Whether it is finite: only then may a waiting lane multiply what it happens to see.
SPRAT_INLINE bool copy_row(const float* x, int64_t k, float* to) {
  using V = Vec<float>;
  const int64_t size = sparse_row_size(k);
  V zeros(0.0f);
  for (int64_t i = 0; i < size; i += kLanes<V>) {
    const V value = V::load_partial(x + i, k - i);
    zeros = fma(value, V(0.0f), zeros);  // a NaN once a value is not finite
    value.store(to + i);
  }
  return all(zeros == V(0.0f));
}

SPRAT_INLINE void store_panel(const Vec<float> (&sum)[kPanelRegisters], const SparseSteps& w, int64_t panel,
                              float floor, float* y) {
  using V = Vec<float>;
  const int64_t first = panel * kSparsePanel;
  float values[kSparsePanel];
  for (int v = 0; v < kPanelRegisters; ++v) {
    const int64_t lane = first + v * kLanes<V>;
    const V value = max(V(floor), sum[v] + V::load(w.bias + lane));
    if (w.outputs) {
      value.store(values + v * kLanes<V>);
    } else {
      value.store_partial(y + lane, w.n - lane);
    }
  }
  if (!w.outputs) return;
  const int32_t* outputs = w.outputs + first;
  for (int64_t i = 0; i < kSparsePanel; ++i) {
    if (outputs[i] >= 0) y[outputs[i]] = values[i];
  }
}

// kRows rows of x, `stride` floats apart, by kPanels panels that have the same number of groups. kMasked: waiting lanes
// see 0, not their input.
template <int kRows, int kPanels, bool kMasked>
SPRAT_NOINLINE void steps_tile(const SparseSteps& w, int64_t panel, const float* x, int64_t stride, float floor,
                               float* y) {
  using V = Vec<float>;
  constexpr int64_t kGroup = kSparseSteps * kSparsePanel;
  V sum[kRows][kPanels][kPanelRegisters];
  const float* weights[kPanels];
  const uint8_t* places[kPanels];
  const int32_t* windows[kPanels];
  SPRAT_UNROLL(8)
  for (int p = 0; p < kPanels; ++p) {
    const int64_t first = w.groups[panel + p];
    weights[p] = w.weights + first * kGroup;
    places[p] = w.places + first * kGroup;
    windows[p] = w.windows + first;
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      SPRAT_UNROLL(4)
      for (int v = 0; v < kPanelRegisters; ++v) sum[r][p][v] = V(0.0f);
    }
  }
  const int64_t groups = w.groups[panel + 1] - w.groups[panel];
  for (int64_t g = 0; g < groups; ++g) {
    SPRAT_UNROLL(4)
    for (int p = 0; p < kPanels; ++p) {
      Window window[kRows];
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) window[r] = Window::load(x + r * stride + windows[p][g]);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kSparseSteps * kPanelRegisters; ++v) {
        const int64_t at = g * kGroup + v * kLanes<V>;
        const V weight = V::load(weights[p] + at);
        const WindowPlaces place = WindowPlaces::load(places[p] + at);
        SPRAT_UNROLL(8)
        for (int r = 0; r < kRows; ++r) {
          V value = window[r].at(place);
          if constexpr (kMasked) value = select(weight != V(0.0f), value, V(0.0f));
          V& total = sum[r][p][v % kPanelRegisters];
          total = fma(value, weight, total);
        }
      }
    }
  }
  SPRAT_UNROLL(4)
  for (int p = 0; p < kPanels; ++p) {
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) store_panel(sum[r][p], w, panel + p, floor, y + r * w.n);
  }
}

template <int kRows, int kPanels, bool kMasked = false>
SPRAT_INLINE void steps_rows(const SparseSteps& w, const float* x, int64_t stride, float floor, float* y) {
  const int64_t panels = divide_up(w.n, kSparsePanel);
  int64_t panel = 0;
  for (; panel + kPanels <= panels; panel += kPanels) {
    steps_tile<kRows, kPanels, kMasked>(w, panel, x, stride, floor, y);
  }
  if constexpr (kPanels > 1) {
    for (; panel < panels; ++panel) steps_tile<kRows, 1, kMasked>(w, panel, x, stride, floor, y);
  }
}

inline void multiply_steps(const SparseSteps& w, const float* x, int64_t rows, float floor, float* memory, float* y) {
  const int64_t stride = sparse_row_size(w.k);
  for (int64_t row = 0; row < rows; row += kSparseRows) {
    const int64_t count = smaller(rows - row, kSparseRows);
    bool finite = true;
    for (int64_t r = 0; r < count; ++r) finite &= copy_row(x + (row + r) * w.k, w.k, memory + r * stride);
    const auto x_of = [&](int64_t r) { return memory + r * stride; };
    const auto y_of = [&](int64_t r) { return y + (row + r) * w.n; };
    int64_t r = 0;
    if (!finite) {
      for (; r < count; ++r) steps_rows<1, 1, true>(w, x_of(r), stride, floor, y_of(r));
    }
    // Fewer rows take more panels, so that as many sums are on their way.
    if constexpr (kMaxRows == kSparseRows) {
      for (; r + 8 <= count; r += 8) steps_rows<8, 1>(w, x_of(r), stride, floor, y_of(r));
    }
    for (; r + 4 <= count; r += 4) steps_rows<4, 1>(w, x_of(r), stride, floor, y_of(r));
    for (; r + 2 <= count; r += 2) steps_rows<2, 2>(w, x_of(r), stride, floor, y_of(r));
    for (; r < count; ++r) steps_rows<1, kSparseTogether>(w, x_of(r), stride, floor, y_of(r));
  }
}

SPRAT_ISA_END
