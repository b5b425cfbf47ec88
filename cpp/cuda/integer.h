// Products of integers on the device: activations as uint8 codes, weights int8, sums int32 by dp4a, which takes four
// products at a time. The formulas are those of kernels/linear_int8.h and linear_int4.h, the sums exact, and so the
// bits.
//
// dp4a wants both factors signed: codes are stored as code - 128, and what that takes from a sum is put back where it
// begins. Rows lie code_stride(k) bytes apart, so that four words can be loaded at once; what lies beyond k meets
// weights of 0.
#pragma once

#include <cstdint>

#include "core/macros.h"
#include "sprat/sprat.h"

namespace sprat::cuda {

SPRAT_HD constexpr int64_t code_stride(int64_t k) { return (k + 15) / 16 * 16; }
constexpr int32_t kCodeShift = 128;

// Codes of rows; of a dynamic input with the scale and the zero point of each.
struct Codes {
  const int8_t* codes;
  const float* scales;         // NULL: static
  const int32_t* zero_points;  // NULL: static
};

// A layer in device memory. Arrays over n outputs; of int4 scales and sums are (n, groups).
struct IntegerLayer {
  int64_t k, n, group_size;  // group_size 0: int8
  const int8_t* weight;      // (n, code_stride(k)); int4 weights take a byte each
  const float* weight_scales;
  const float* bias;
  int32_t* weight_sums;
  int32_t zero_point;  // of a static input
  // What becomes of the sums: for real outputs, and for the codes of the next layer.
  struct Numbers {
    float* scales;  // int8: over n; int4: one
    float* biases;
  } reals, codes;

  int64_t groups() const { return group_size > 0 ? (k - 1) / group_size + 1 : 1; }
};

// How codes are chosen.
struct InputNumbers {
  bool is_static;
  float scale;
  int32_t zero_point;
};

// Computes weight_sums, reals and, if `next` is not NULL, codes from the weights, their scales and the bias.
sprat_status prepare(const IntegerLayer& layer, const InputNumbers& input, const InputNumbers* next, void* stream);

// Rows of real numbers to codes: with one scale and zero point, or each row with those of its own range.
sprat_status quantize_rows(const InputNumbers& input, const float* x, int64_t rows, int64_t k, int8_t* codes,
                           float* scales, int32_t* zero_points, void* stream);

// y (rows, n) = max(floor, sum * scale + bias). totals: room for (rows, n) numbers, for int4.
sprat_status multiply_to_reals(const IntegerLayer& layer, const Codes& in, int64_t rows, float floor, float* y,
                               float* totals, void* stream);
// Codes of the next layer, (rows, code_stride(n)); floor is one of them.
sprat_status multiply_to_codes(const IntegerLayer& layer, const Codes& in, int64_t rows, float floor, int8_t* q,
                               float* totals, void* stream);

// Numbers of two bytes, float16 or bfloat16, widened exactly.
sprat_status widen(bool bfloat16, const uint16_t* from, float* to, int64_t n, void* stream);

}  // namespace sprat::cuda
