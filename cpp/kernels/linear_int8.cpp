#include "kernels/linear_int8.h"

#include "core/unroll.h"
#include "formulas/quantize/affine.h"
#include "formulas/quantize/choose_qparams.h"
#include "formulas/quantize/requantize.h"
#include "formulas/quantize/value_range.h"
#include "simd/dot.h"
#include "storage/uint8.h"

SPRAT_ISA_BEGIN

constexpr int kLane = kLanes<Vec<float>>;
constexpr int kVecsOfPanel = static_cast<int>(kInt8Panel) / kLane;
constexpr int64_t kFourOfPanel = kInt8Panel * kInt8Four;  // bytes of one step of k

// The register tile: kMaxRows x kTileVecs sums, and beside them the split weights of kTileVecs registers and one
// activation. See kernels/README.md.
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
constexpr int kMaxRows = 8, kTileVecs = 2;  // 32 registers
#elif defined(SPRAT_ISA_NEON)
constexpr int kMaxRows = 4, kTileVecs = 4;  // 32 registers
#elif defined(SPRAT_ISA_AVX2)
constexpr int kMaxRows = 4, kTileVecs = 2;  // 16 registers
#else
constexpr int kMaxRows = 4, kTileVecs = 2;  // 16 registers
#endif

void pack(const int8_t* weight, int64_t k, int64_t n, int8_t* packed, int32_t* weight_sums) {
  const int64_t fours = int8_row_stride(k) / kInt8Four;
  for (int64_t column = 0; column < round_up(n, kInt8Panel); ++column) {
    int8_t* out = packed + column / kInt8Panel * fours * kFourOfPanel + column % kInt8Panel * kInt8Four;
    int32_t sum = 0;
    for (int64_t four = 0; four < fours; ++four) {
      for (int64_t i = 0; i < kInt8Four; ++i) {
        const int64_t at = four * kInt8Four + i;
        const int8_t value = column < n && at < k ? weight[column * k + at] : int8_t{0};
        out[four * kFourOfPanel + i] = value;
        sum += value;
      }
    }
    weight_sums[column] = sum;
  }
}

SPRAT_INLINE void quantize_row(const float* x, int64_t k, float scale, int32_t zero_point, uint8_t* q) {
  using V = Vec<float>;
  const Affine<V> affine{V(scale), V(zero_point), V(UInt8::kMin), V(UInt8::kMax)};
  int64_t i = 0;
  for (; i + kLane <= k; i += kLane) UInt8::store<V>(q + i, affine.quantize(V::load(x + i)));
  if (i < k) UInt8::store_partial<V>(q + i, affine.quantize(V::load_partial(x + i, k - i)), k - i);
  for (i = k; i < int8_row_stride(k); ++i) q[i] = 0;
}

void quantize_static(const float* x, int64_t rows, int64_t k, float scale, int32_t zero_point, uint8_t* q,
                     float* scales, int32_t* zero_points) {
  for (int64_t row = 0; row < rows; ++row) {
    quantize_row(x + row * k, k, scale, zero_point, q + row * int8_row_stride(k));
    scales[row] = scale;
    zero_points[row] = zero_point;
  }
}

void quantize_dynamic(const float* x, int64_t rows, int64_t k, uint8_t* q, float* scales, int32_t* zero_points) {
  using V = Vec<float>;
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * k;
    ValueRange<V> lanes;
    ValueRange<float> range;
    int64_t i = 0;
    for (; i + kLane <= k; i += kLane) lanes.add(V::load(from + i));
    for (; i < k; ++i) range.add(from[i]);
    for (int lane = 0; lane < kLane; ++lane) merge(range, lanes.low[lane], lanes.high[lane], 0);
    const QParams<float> chosen = choose_qparams(range.low, range.high, UInt8::kMin, UInt8::kMax, false);
    quantize_row(from, k, chosen.scale, chosen.zero_point, q + row * int8_row_stride(k));
    scales[row] = chosen.scale;
    zero_points[row] = chosen.zero_point;
  }
}

// kRows x (kVecs * kLane) numbers of z, from row `row` and register `first` of the columns.
template <int kRows, int kVecs>
SPRAT_NOINLINE void multiply_tile(const LinearInt8& layer, const Int8Rows& in, int64_t row, int64_t first, float* z) {
  using V = Vec<float>;
  using I = Vec<int32_t>;
  const int64_t stride = int8_row_stride(layer.k), panel_bytes = stride * kInt8Panel;
  const uint8_t* x = in.x + row * stride;
  const int8_t* weight[kVecs];
  I sum[kRows][kVecs];
  SPRAT_UNROLL(8)
  for (int v = 0; v < kVecs; ++v) {
    const int64_t vec = first + v;
    weight[v] = layer.weight + vec / kVecsOfPanel * panel_bytes + vec % kVecsOfPanel * kLane * kInt8Four;
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) sum[r][v] = I(0);
  }
  for (int64_t four = 0; four < stride / kInt8Four; ++four) {
    SignedBytes w[kVecs];
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) w[v] = load_fours(weight[v] + four * kFourOfPanel);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const UnsignedBytes a = broadcast_four(x + r * stride + four * kInt8Four);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kVecs; ++v) sum[r][v] = dot(sum[r][v], a, w[v]);
    }
  }
  SPRAT_UNROLL(8)
  for (int v = 0; v < kVecs; ++v) {
    const int64_t column = (first + v) * kLane;
    const I weight_sum = I::load(layer.weight_sums + column);
    const V weight_scale = V::load(layer.weight_scales + column), bias = V::load(layer.bias + column);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const V y =
          requantize<V>(sum[r][v], I(in.zero_points[row + r]), weight_sum, V(in.scales[row + r]), weight_scale, bias);
      y.store_partial(z + (row + r) * layer.n + column, layer.n - column);
    }
  }
}

template <int kVecs, int kRows = kMaxRows>
SPRAT_INLINE void multiply_rows(const LinearInt8& layer, const Int8Rows& in, int64_t row, int64_t rows, int64_t first,
                                float* z) {
  if (rows >= kRows) {
    multiply_tile<kRows, kVecs>(layer, in, row, first, z);
  } else if constexpr (kRows > 1) {
    multiply_rows<kVecs, kRows - 1>(layer, in, row, rows, first, z);
  }
}

void multiply(const LinearInt8& layer, const Int8Rows& rows_of_x, int64_t rows, float* z) {
  const int64_t vecs = (layer.n + kLane - 1) / kLane;
  int64_t first = 0;
  for (; first + kTileVecs <= vecs; first += kTileVecs) {
    for (int64_t row = 0; row < rows; row += kMaxRows) {
      multiply_rows<kTileVecs>(layer, rows_of_x, row, rows - row, first, z);
    }
  }
  for (; first < vecs; ++first) {
    for (int64_t row = 0; row < rows; row += kMaxRows) {
      multiply_rows<1>(layer, rows_of_x, row, rows - row, first, z);
    }
  }
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LinearInt8Kernels linear_int8_kernels;
const LinearInt8Kernels linear_int8_kernels = {pack, quantize_static, quantize_dynamic, multiply};
}  // namespace sprat::SPRAT_ISA
