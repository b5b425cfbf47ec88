// A layer whose product multiplies integers: activations u8, weights s8, sums int32, exact on every instruction set.
#pragma once

#include <cstdint>

#include "core/round_up.h"

namespace sprat {

// Columns of a panel of packed weights, the same for every instruction set: what one packed, another may multiply.
inline constexpr int64_t kInt8Panel = 16;
// Bytes of a row are taken in fours.
inline constexpr int64_t kInt8Four = 4;
// Up to here no sum of u8 x s8 leaves int32, with or without the zero point: 65793 * 255 * 128 < 2^31.
inline constexpr int64_t kInt8MaxK = 65793;

// Bytes between rows of quantized activations, and bytes of packed weights.
SPRAT_INLINE constexpr int64_t int8_row_stride(int64_t k) { return round_up(k, kInt8Four); }
SPRAT_INLINE constexpr int64_t int8_packed_size(int64_t k, int64_t n) {
  return int8_row_stride(k) * round_up(n, kInt8Panel);
}

// weight (n, k) packed as [n / 16][k / 4][16][4], zeros beyond n and k. The other arrays hold round_up(n, 16) numbers.
struct LinearInt8 {
  int64_t k, n;
  const int8_t* weight;
  const int32_t* weight_sums;
  const float* weight_scales;
  const float* bias;
};

// Quantized rows: x (rows, int8_row_stride(k)), zeros beyond k; a scale and a zero point for each row.
struct Int8Rows {
  const uint8_t* x;
  const float* scales;
  const int32_t* zero_points;
};

struct LinearInt8Kernels {
  // weight (n, k) into packed and weight_sums.
  void (*pack)(const int8_t* weight, int64_t k, int64_t n, int8_t* packed, int32_t* weight_sums);

  // Rows of x (rows, k) into q (rows, int8_row_stride(k)).
  //   quantize_static:  with the given scale and zero point, which are copied to each row
  //   quantize_dynamic: with those of each row's own range; infinities and NaN take no part in it
  // A NaN becomes the zero point, an infinity saturates.
  void (*quantize_static)(const float* x, int64_t rows, int64_t k, float scale, int32_t zero_point, uint8_t* q,
                          float* scales, int32_t* zero_points);
  void (*quantize_dynamic)(const float* x, int64_t rows, int64_t k, uint8_t* q, float* scales, int32_t* zero_points);

  // z (rows, n), requantized: formulas/quantize/requantize.h.
  void (*multiply)(const LinearInt8& layer, const Int8Rows& rows_of_x, int64_t rows, float* z);
};

}  // namespace sprat
