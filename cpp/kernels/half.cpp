#include "kernels/half.h"

#include "kernels/panel.h"
#include "storage/bfloat16.h"
#include "storage/float16.h"

SPRAT_ISA_BEGIN

constexpr int64_t kColumns = kPanelColumns<float>;

int64_t half_packed_size(int64_t k, int64_t n) { return k * width_of<float>(n); }

template <class Format>
void pack_half(const uint16_t* weight, int64_t k, int64_t n, uint16_t* packed) {
  for (int64_t first = 0; first < n; first += kColumns) {
    const int64_t columns = smaller(n - first, kColumns), width = width_of<float>(columns);
    uint16_t* to = packed + first * k;
    for (int64_t i = 0; i < k; ++i, to += width) {
      for (int64_t c = 0; c < width; ++c) {
        to[width == kColumns ? Format::place(c) : c] = c < columns ? weight[(first + c) * k + i] : uint16_t{0};
      }
    }
  }
}

// A row of a panel: one register, or two.
template <class Format, int kVecs>
SPRAT_INLINE void load_row(const uint16_t* b, Vec<float>* row) {
  static_assert(kVecs == 1 || (kVecs == 2 && kPanelVecs == 2));
  if constexpr (kVecs == 1) {
    row[0] = Format::load(b);
  } else {
    Format::load_pair(b, row[0], row[1]);
  }
}

template <class Format, int kVecs>
void widen_rows(const uint16_t* packed, int64_t k, float* to) {
  using V = Vec<float>;
  for (int64_t i = 0; i < k; ++i) {
    V row[kVecs];
    load_row<Format, kVecs>(packed + i * kVecs * kLanes<V>, row);
    for (int v = 0; v < kVecs; ++v) row[v].store(to + (i * kVecs + v) * kLanes<V>);
  }
}

template <class Format>
void widen(const uint16_t* packed, int64_t k, int64_t n, float* to) {
  (n > kLanes<Vec<float>> ? widen_rows<Format, kPanelVecs> : widen_rows<Format, 1>)(packed, k, to);
}

SPRAT_INLINE void store_half(Vec<float> sum, const HalfLinear& w, int64_t column, float floor, float* y) {
  using V = Vec<float>;
  const int64_t left = w.n - column;
  const V bias = w.bias ? V::load_partial(w.bias + column, left) : V(-0.0f);  // -0 changes no sum
  max(V(floor), sum + bias).store_partial(y + column, left);
}

// kRows rows by kPanels panels of kVecs registers, from column `first` on: kernels/tile.h without its segments, blocks
// and gates.
template <class Format, int kRows, int kVecs, int kPanels>
SPRAT_NOINLINE void half_tile(const HalfLinear& w, int64_t first, const float* x, float floor, float* y) {
  using V = Vec<float>;
  constexpr int kLane = kLanes<V>, kAll = kVecs * kPanels;
  const int64_t panel_stride = w.k * kColumns;
  const uint16_t* b = w.weight + first * w.k;
  V sum[kRows][kAll];
  SPRAT_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    SPRAT_UNROLL(8)
    for (int v = 0; v < kAll; ++v) sum[r][v] = V(0.0f);
  }
  for (int64_t i = 0; i < w.k; ++i, b += kVecs * kLane) {
    V column[kAll];
    SPRAT_UNROLL(8)
    for (int p = 0; p < kPanels; ++p) load_row<Format, kVecs>(b + p * panel_stride, column + p * kVecs);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const V value(x[r * w.k + i]);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kAll; ++v) sum[r][v] = fma(value, column[v], sum[r][v]);
    }
  }
  SPRAT_UNROLL(8)
  for (int v = 0; v < kAll; ++v) {
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) store_half(sum[r][v], w, first + v * kLane, floor, y + r * w.n);
  }
}

// One row by kPanels whole panels.
template <class Format, int kPanels>
SPRAT_NOINLINE void half_row_tile(const HalfLinear& w, int64_t first, const float* x, float floor, float* y) {
  const int64_t panel_stride = w.k * kColumns;
  const uint16_t* b = w.weight + first * w.k;
  typename Format::Sums sums[kPanels];
  for (int64_t i = 0; i < w.k; ++i, b += kColumns) {
    SPRAT_UNROLL(4)
    for (int p = 0; p < kPanels; ++p) sums[p].add(x[i], b + p * panel_stride);
  }
  SPRAT_UNROLL(4)
  for (int p = 0; p < kPanels; ++p) {
    SPRAT_UNROLL(2)
    for (int v = 0; v < kPanelVecs; ++v) {
      store_half(sums[p][v], w, first + p * kColumns + v * kLanes<Vec<float>>, floor, y);
    }
  }
}

using HalfTile = void (*)(const HalfLinear&, int64_t, const float*, float, float*);

// HalfTiles<Format, kVecs>::of[r - 1]: the tile of r rows.
template <class Format, int kVecs, int kRows = kMaxRows>
struct HalfTiles;
template <class Format, int kVecs>
struct HalfTiles<Format, kVecs, 8> {
  static constexpr HalfTile of[] = {half_tile<Format, 1, kVecs, 1>, half_tile<Format, 2, kVecs, 1>,
                                    half_tile<Format, 3, kVecs, 1>, half_tile<Format, 4, kVecs, 1>,
                                    half_tile<Format, 5, kVecs, 1>, half_tile<Format, 6, kVecs, 1>,
                                    half_tile<Format, 7, kVecs, 1>, half_tile<Format, 8, kVecs, 1>};
};
template <class Format, int kVecs>
struct HalfTiles<Format, kVecs, 6> {
  static constexpr HalfTile of[] = {half_tile<Format, 1, kVecs, 1>, half_tile<Format, 2, kVecs, 1>,
                                    half_tile<Format, 3, kVecs, 1>, half_tile<Format, 4, kVecs, 1>,
                                    half_tile<Format, 5, kVecs, 1>, half_tile<Format, 6, kVecs, 1>};
};
template <class Format, int kVecs>
struct HalfTiles<Format, kVecs, 4> {
  static constexpr HalfTile of[] = {half_tile<Format, 1, kVecs, 1>, half_tile<Format, 2, kVecs, 1>,
                                    half_tile<Format, 3, kVecs, 1>, half_tile<Format, 4, kVecs, 1>};
};

// Few rows take several panels at once, so that as many sums are on their way.
template <class Format>
void multiply_half_rows(const HalfLinear& w, const float* x, int64_t rows, float floor, float* y) {
  int64_t first = 0;
  const auto panels_at_once = [&](int64_t columns, HalfTile tile) {
    for (; first + columns <= w.n; first += columns) tile(w, first, x, floor, y);
  };
  if (rows == 1) panels_at_once(4 * kColumns, half_row_tile<Format, 4>);
  if (rows == 2) panels_at_once(2 * kColumns, half_tile<Format, 2, kPanelVecs, 2>);
  for (; first < w.n; first += kColumns) {
    const bool narrow = w.n - first <= kLanes<Vec<float>>;
    (narrow ? HalfTiles<Format, 1>::of : HalfTiles<Format, kPanelVecs>::of)[rows - 1](w, first, x, floor, y);
  }
}

// The rows in as few tiles as they need, as even as they can be.
template <class Format>
void multiply_half(const HalfLinear& w, const float* x, int64_t rows, float floor, float* y) {
  for (int64_t tiles = divide_up(rows, kMaxRows); tiles > 0; --tiles) {
    const int64_t count = divide_up(rows, tiles);
    multiply_half_rows<Format>(w, x, count, floor, y);
    x += count * w.k;
    y += count * w.n;
    rows -= count;
  }
}

void round_all_bfloat16(const float* x, int64_t n, float* rounded) {
  using V = Vec<float>;
  for (int64_t i = 0; i < n; i += kLanes<V>) {
    round_bfloat16(V::load_partial(x + i, n - i)).store_partial(rounded + i, n - i);
  }
}

// To widen a bfloat16 costs nothing beside the products of a tile; a float16 takes a unit that they need.
template <class Format>
constexpr int64_t kDirectRows = INT64_MAX;
template <>
constexpr int64_t kDirectRows<Float16> = 2 * kMaxRows;

template <class Format>
constexpr HalfKernel half_kernel = {kDirectRows<Format>, half_packed_size, pack_half<Format>, multiply_half<Format>,
                                    widen<Format>};

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const HalfKernels half_kernels;
const HalfKernels half_kernels = {{half_kernel<Float16>, half_kernel<Bfloat16>}, round_all_bfloat16};
}  // namespace sprat::SPRAT_ISA
