// y = act(x weight^T + bias) with weights of two bytes, widened to float32 when they are read: the bits of the dense
// product (kernels/linear.h) with the widened weights.
//
// act is max(floor, .): a floor of 0 is relu, and one of -infinity the identity.
#pragma once

#include <cstdint>

namespace sprat {

struct HalfLinear {
  int64_t k, n;
  const uint16_t* weight;  // packed
  const float* bias;       // (n), or NULL
};

// For one format.
struct HalfKernel {
  // Rows beyond which it pays to widen a panel once, into memory, and to multiply by that.
  int64_t direct_rows;

  // Elements that a weight takes when packed: as B (k x n) of a LinearKernel for float32, panel by panel, k by k.
  int64_t (*packed_size)(int64_t k, int64_t n);
  // weight (n, k)
  void (*pack)(const uint16_t* weight, int64_t k, int64_t n, uint16_t* packed);
  // Row-major x (rows, k) and y (rows, n).
  void (*multiply)(const HalfLinear& layer, const float* x, int64_t rows, float floor, float* y);
  // A packed panel, of n columns, as one of the LinearKernel.
  void (*widen)(const uint16_t* packed, int64_t k, int64_t n, float* to);
};

struct HalfKernels {
  HalfKernel of[2];  // float16, bfloat16
  // x rounded to bfloat16 numbers, half to even.
  void (*round_bfloat16)(const float* x, int64_t n, float* rounded);
};

}  // namespace sprat
