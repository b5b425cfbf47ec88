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
// Bytes behind an array of codes that may be written all the same: the last row is stored in whole registers.
inline constexpr int64_t kCodesRoom = 64;

// Bytes between rows of quantized activations, and bytes of packed weights.
SPRAT_INLINE constexpr int64_t int8_row_stride(int64_t k) { return round_up(k, kInt8Four); }
SPRAT_INLINE constexpr int64_t int8_packed_size(int64_t k, int64_t n) {
  return int8_row_stride(k) * round_up(n, kInt8Panel);
}

// weight (n, k) packed as [n / 16][k / 4][16][4], zeros beyond n and k. Arrays over n hold round_up(n, 16) numbers.
struct LinearInt8 {
  int64_t k, n;
  const int8_t* weight;
  const int32_t* weight_sums;  // of all weights of an output
  // Of the fours of inputs only those in which a panel has a weight that is not 0: panel p has the fours
  // present[panel_begin[p]] to present[panel_begin[p + 1]], ascending, packed one after the other. NULL: all.
  const int64_t* panel_begin;
  const uint16_t* present;
};

// What becomes of the exact sums (formulas/quantize/requantize.h). Arrays over n.
struct Int8Epilogue {
  const int32_t* start;  // static input: the sums begin here; NULL: each row brings a scale and a zero point
  const float* scales;   // of the sum; where rows bring scales, of the weights alone
  const float* biases;
  float floor;  // max(floor, y): -infinity, 0, or the code of 0
};

// Codes, (rows, int8_row_stride(k)); what lies beyond k meets weights of 0.
struct Int8Rows {
  const uint8_t* x;
  const float* scales;         // of each row; not read where the epilogue has a start
  const int32_t* zero_points;  // and these
};

struct LinearInt8Kernels {
  // weight (n, k) into packed and weight_sums.
  void (*pack)(const int8_t* weight, int64_t k, int64_t n, int8_t* packed, int32_t* weight_sums);
  // The same for what is present alone. First how much that is: the number of fours of all panels, with panel_begin
  // (n / 16 + 1); then the rest.
  int64_t (*count_present)(const int8_t* weight, int64_t k, int64_t n, int64_t* panel_begin);
  void (*pack_present)(const int8_t* weight, int64_t k, int64_t n, int8_t* packed, uint16_t* present,
                       int32_t* weight_sums);

  // The numbers of an epilogue for an input of this scale and zero point; bias may be NULL.
  //   to_reals: for real outputs       to_codes: for codes of this scale and zero point
  void (*start_sums)(const int32_t* weight_sums, int64_t n, int32_t zero_point, int32_t* start);
  void (*to_reals)(const float* weight_scales, const float* bias, int64_t n, float scale, float* scales, float* biases);
  void (*to_codes)(const float* weight_scales, const float* bias, int64_t n, float scale, float next_scale,
                   int32_t next_zero_point, float* scales, float* biases);

  // Rows of x (rows, k) into q (rows, int8_row_stride(k)) and kCodesRoom bytes behind.
  //   quantize_static:  with the given scale and zero point
  //   quantize_dynamic: with those of each row's own range; infinities and NaN take no part in it
  // A NaN becomes the zero point, an infinity saturates.
  void (*quantize_static)(const float* x, int64_t rows, int64_t k, float scale, int32_t zero_point, uint8_t* q);
  void (*quantize_dynamic)(const float* x, int64_t rows, int64_t k, uint8_t* q, float* scales, int32_t* zero_points);

  // y (rows, n), or codes (rows, int8_row_stride(n)) with zeros beyond n; the latter for a static input.
  void (*multiply)(const LinearInt8& layer, const Int8Epilogue& epilogue, const Int8Rows& in, int64_t rows, float* y);
  void (*multiply_to_codes)(const LinearInt8& layer, const Int8Epilogue& epilogue, const uint8_t* x, int64_t rows,
                            uint8_t* q);
};

}  // namespace sprat
