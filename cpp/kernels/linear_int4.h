// A layer of four-bit weights on uint8 codes. The inputs of an output come in groups that share a scale; sums are exact
// within a group and add up as real numbers.
#pragma once

#include <cstdint>

#include "kernels/linear_int8.h"

namespace sprat {

// Inputs of a step of k: two of the fours of int8, the first in the low halves of the bytes and the second in the high.
inline constexpr int64_t kInt4Step = 2 * kInt8Four;

// k and the size of a group may be any from 1 on: no sum of them is taken.
SPRAT_INLINE constexpr int64_t int4_groups(int64_t k, int64_t group_size) { return (k - 1) / group_size + 1; }
SPRAT_INLINE constexpr int64_t int4_packed_size(int64_t k, int64_t n) {
  return round_up(k, kInt4Step) / 2 * round_up(n, kInt8Panel);
}

// weight (n, k) packed as [n / 16][k / 8][16][4], two in a byte, zeros beyond n and k.
struct LinearInt4 {
  int64_t k, n, group_size;  // a multiple of 32
  const uint8_t* weight;
  const float* scales;         // [n / 16][groups][16]
  const int32_t* weight_sums;  // the same: 16 times the sum of a group's weights
};

// What becomes of the sums (formulas/quantize/requantize.h).
struct Int4Epilogue {
  bool is_static;       // else each row brings a scale and a zero point, and the next two mean nothing
  int32_t zero_point;   // of the input
  float scale;          // of the sum
  const float* biases;  // round_up(n, 16) numbers
  float floor;          // max(floor, y): -infinity, 0, or the code of 0
};

struct LinearInt4Kernels {
  // weight: n rows of (k + 1) / 2 bytes, two's complement, the first of two weights in the low half.
  // weight_scales (n, groups).
  void (*pack)(const uint8_t* weight, const float* weight_scales, int64_t k, int64_t n, int64_t group_size,
               uint8_t* packed, float* scales, int32_t* weight_sums);

  // For codes of this scale and zero point: the scale of the sums, and the biases (round_up(n, 16)).
  float (*to_codes)(const float* bias, int64_t n, float scale, float next_scale, int32_t next_zero_point,
                    float* biases);

  // As in LinearInt8Kernels. Up to four codes behind the last row are read, and meet weights of 0.
  void (*multiply)(const LinearInt4& layer, const Int4Epilogue& epilogue, const Int8Rows& in, int64_t rows, float* y);
  void (*multiply_to_codes)(const LinearInt4& layer, const Int4Epilogue& epilogue, const uint8_t* x, int64_t rows,
                            uint8_t* q);
};

}  // namespace sprat
