// Reductions whose result depends on the values and their places on a line alone: not on threads, on the instruction
// set, on alignment, nor on how the line is cut into arrays.
//
// Element i of the line belongs to lane i mod 16 of block i / block. A block adds the elements of each lane in
// ascending order, in float64, and then joins its 16 lanes by a fixed tree. Blocks, tree and threads are the caller's
// business: see api/line_sum.h.
#pragma once

#include <cstdint>

#include "core/macros.h"

namespace sprat {

inline constexpr int kReduceLanes = 16;
inline constexpr int64_t kMostBlocks = 1024;

// The elements of a block of a line of `length`: 4096, or so many more that there are at most kMostBlocks.
inline int64_t line_block(int64_t length) {
  int64_t block = 4096;
  while ((length - 1) / block >= kMostBlocks) block *= 2;
  return block;
}

// The sum of n lanes, a power of two, in halves: 0 + n / 2, 1 + n / 2 + 1, ...; then 0 + n / 4, ...; until one is left.
template <class T>
SPRAT_HD SPRAT_INLINE T join_halves(T* lanes, int n = kReduceLanes) {
  for (int half = n / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

// lanes[(offset + i) mod 16] += x[i]^2 for i in [0, n), where `offset` is the place of x[0] on the line. What a mask
// hides counts as 0, whatever it is; a mask may be NULL.
using SumOfSquares = void (*)(const void* x, const uint8_t* mask, int64_t n, int64_t offset, double* lanes);

struct ReduceKernels {
  // Each by sprat_dtype: float32, float64.
  SumOfSquares sum_of_squares[2];
  int64_t (*count_nonfinite[2])(const void* x, const uint8_t* mask, int64_t n);  // NaN and infinities
  bool (*all_below[2])(const void* x, int64_t n, double bound);  // |x[i]| < bound for all i; false if any is NaN
};

}  // namespace sprat
