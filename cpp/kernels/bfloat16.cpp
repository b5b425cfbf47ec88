#include "kernels/bfloat16.h"

#include "kernels/panel.h"
#include "simd/bfloat16_dot.h"

SPRAT_ISA_BEGIN

#if defined(SPRAT_HAS_BFLOAT16_DOT)

constexpr int64_t kColumns = kPanelColumns<float>;

int64_t bfloat16_packed_size(int64_t k, int64_t n) { return bfloat16_pairs(k) * width_of<float>(n); }

void pack_bfloat16(const uint16_t* weight, int64_t k, int64_t n, int32_t* packed) {
  for (int64_t first = 0; first < n; first += kColumns) {
    const int64_t columns = smaller(n - first, kColumns), width = width_of<float>(columns);
    for (int64_t i = 0; i < k; i += 2) {
      for (int64_t c = 0; c < width; ++c) {
        const uint16_t* at = weight + (first + c) * k + i;
        const uint32_t low = c < columns ? at[0] : 0, high = c < columns && i + 1 < k ? at[1] : 0;
        *packed++ = static_cast<int32_t>(low | high << 16);
      }
    }
  }
}

SPRAT_BFLOAT16_TARGET void round_rows(const float* x, int64_t rows, int64_t k, int32_t* pairs) {
  using V = Vec<float>;
  constexpr int64_t kLane = kLanes<V>;
  for (int64_t row = 0; row < rows; ++row, x += k, pairs += bfloat16_pairs(k)) {
    int64_t i = 0;
    for (; i + 2 * kLane <= k; i += 2 * kLane) round_pairs(V::load(x + i), V::load(x + i + kLane)).store(pairs + i / 2);
    const Vec<int32_t> last = round_pairs(V::load_partial(x + i, k - i), V::load_partial(x + i + kLane, k - i - kLane));
    last.store_partial(pairs + i / 2, bfloat16_pairs(k) - i / 2);
  }
}

// kRows rows by kPanels panels of kVecs registers, from column `first` on.
template <int kRows, int kVecs, int kPanels>
SPRAT_BFLOAT16_TARGET SPRAT_NOINLINE void bfloat16_tile(const Bfloat16Linear& w, int64_t first, const int32_t* x,
                                                        float floor, float* y) {
  using V = Vec<float>;
  using I = Vec<int32_t>;
  constexpr int kLane = kLanes<V>, kAll = kVecs * kPanels;
  const int64_t pairs = bfloat16_pairs(w.k), panel_stride = pairs * kColumns;
  const int32_t* b = w.weight + first * pairs;
  V sum[kRows][kAll];
  SPRAT_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    SPRAT_UNROLL(8)
    for (int v = 0; v < kAll; ++v) sum[r][v] = V(0.0f);
  }
  for (int64_t i = 0; i < pairs; ++i, b += kVecs * kLane) {
    I column[kAll];
    SPRAT_UNROLL(8)
    for (int v = 0; v < kAll; ++v) column[v] = I::load(b + v / kVecs * panel_stride + v % kVecs * kLane);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const I value(x[r * pairs + i]);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kAll; ++v) sum[r][v] = dot_pairs(sum[r][v], value, column[v]);
    }
  }
  SPRAT_UNROLL(8)
  for (int v = 0; v < kAll; ++v) {
    const int64_t column = first + v * kLane, left = w.n - column;
    const V bias = w.bias ? V::load_partial(w.bias + column, left) : V(-0.0f);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) max(V(floor), sum[r][v] + bias).store_partial(y + r * w.n + column, left);
  }
}

using Bfloat16Tile = void (*)(const Bfloat16Linear&, int64_t, const int32_t*, float, float*);

// [registers of a panel - 1][rows - 1]
constexpr Bfloat16Tile kBfloat16Tiles[2][8] = {
    {bfloat16_tile<1, 1, 1>, bfloat16_tile<2, 1, 1>, bfloat16_tile<3, 1, 1>, bfloat16_tile<4, 1, 1>,
     bfloat16_tile<5, 1, 1>, bfloat16_tile<6, 1, 1>, bfloat16_tile<7, 1, 1>, bfloat16_tile<8, 1, 1>},
    {bfloat16_tile<1, 2, 1>, bfloat16_tile<2, 2, 1>, bfloat16_tile<3, 2, 1>, bfloat16_tile<4, 2, 1>,
     bfloat16_tile<5, 2, 1>, bfloat16_tile<6, 2, 1>, bfloat16_tile<7, 2, 1>, bfloat16_tile<8, 2, 1>}};
static_assert(kMaxRows == 8 && kPanelVecs == 2);

void multiply_bfloat16(const Bfloat16Linear& w, const int32_t* x, int64_t rows, float floor, float* y) {
  for (int64_t tiles = divide_up(rows, kMaxRows); tiles > 0; --tiles) {
    const int64_t count = divide_up(rows, tiles);
    int64_t first = 0;
    // Few rows take several panels at once, so that as many sums are on their way.
    const int64_t at_once = count == 1 ? 4 : count == 2 ? 2 : 1;
    for (; at_once > 1 && first + at_once * kColumns <= w.n; first += at_once * kColumns) {
      (at_once == 4 ? bfloat16_tile<1, 2, 4> : bfloat16_tile<2, 2, 2>)(w, first, x, floor, y);
    }
    for (; first < w.n; first += kColumns) {
      kBfloat16Tiles[w.n - first > kColumns / 2][count - 1](w, first, x, floor, y);
    }
    x += count * bfloat16_pairs(w.k);
    y += count * w.n;
    rows -= count;
  }
}

constexpr Bfloat16Kernels kBfloat16Kernels = {bfloat16_packed_size, pack_bfloat16, round_rows, multiply_bfloat16};

#else

constexpr Bfloat16Kernels kBfloat16Kernels = {};

#endif

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const Bfloat16Kernels bfloat16_kernels;
const Bfloat16Kernels bfloat16_kernels = kBfloat16Kernels;
}  // namespace sprat::SPRAT_ISA
