// y = act(x weight^T + bias) by products of bfloat16 pairs, summed in float32 (simd/bfloat16_dot.h): twice the
// multiply-adds of float32 products, and bits of its own.
//
// act is max(floor, .): a floor of 0 is relu, and one of -infinity the identity.
#pragma once

#include <cstdint>

namespace sprat {

struct Bfloat16Linear {
  int64_t k, n;
  const int32_t* weight;  // packed
  const float* bias;      // (n), or NULL
};

// Pairs of a row.
inline constexpr int64_t bfloat16_pairs(int64_t k) { return (k + 1) / 2; }

// All NULL in builds for an instruction set that knows no such product; to be called where the CPU has it.
struct Bfloat16Kernels {
  // Pairs that a weight takes when packed: panels of two registers of outputs, pair after pair, the last as narrow as
  // its outputs allow.
  int64_t (*packed_size)(int64_t k, int64_t n);
  // weight (n, k)
  void (*pack)(const uint16_t* weight, int64_t k, int64_t n, int32_t* packed);
  // Row-major x (rows, k) as pairs (rows, bfloat16_pairs(k)), rounded half to even.
  void (*round)(const float* x, int64_t rows, int64_t k, int32_t* pairs);
  // Such pairs into row-major y (rows, n).
  void (*multiply)(const Bfloat16Linear& layer, const int32_t* x, int64_t rows, float floor, float* y);
};

}  // namespace sprat
