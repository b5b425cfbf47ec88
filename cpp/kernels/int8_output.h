// What becomes of the sums of integer products, register by register: rows of real numbers, or of codes.
#pragma once

#include "formulas/quantize/requantize.h"
#include "kernels/linear_int8.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

constexpr int kIntLanes = kLanes<Vec<int32_t>>;
constexpr int kVecsOfPanel = static_cast<int>(kInt8Panel) / kIntLanes;
constexpr int64_t kFourOfPanel = kInt8Panel * kInt8Four;  // bytes of one step of k

enum class Int8Output { kRealsOfStatic, kRealsOfDynamic, kCodes };

// The mask of the first lanes is a partial load of these.
constexpr int32_t kAllOnes[kInt8Panel] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

// (rows, n) real numbers, or (rows, int8_row_stride(n)) codes with zeros beyond n.
template <bool kCodes>
struct RowsOut {
  void* out;
  int64_t n;
  Vec<float> floor;

  // Sums of outputs column to column + kIntLanes; is_whole: n is not among them.
  SPRAT_INLINE void store(Vec<float> sum, Vec<float> scale, Vec<float> bias, int64_t row, int64_t column,
                          bool is_whole) const {
    if constexpr (kCodes) {
      const int64_t stride = int8_row_stride(n);
      uint8_t* q = static_cast<uint8_t*>(out) + row * stride + column;
      Vec<int32_t> codes = requantize_to_code(sum, scale, bias, floor);
      if (!is_whole) codes = codes & Vec<int32_t>::load_partial(kAllOnes, n - column);
      const auto bytes = native::narrow_to_bytes(codes.r);
      native::copy(q, reinterpret_cast<const uint8_t*>(&bytes), is_whole ? kIntLanes : stride - column,
                   native::LaneCount<kIntLanes>{});
    } else {
      float* y = static_cast<float*>(out) + row * n + column;
      const Vec<float> real = max(floor, requantize(sum, scale, bias));
      if (is_whole) {
        real.store(y);
      } else {
        real.store_partial(y, n - column);
      }
    }
  }
};

SPRAT_ISA_END
