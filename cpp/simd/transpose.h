// Transposing a square block of numbers in registers.
#pragma once

#include <utility>

#include "core/unroll.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN
namespace native {

// a[0] b[0] a[1] b[1] ... of the first (half = 0) or the second half of the lanes.
template <int half, class R, int... lane>
SPRAT_INLINE R interleave(R a, R b, std::integer_sequence<int, lane...>) {
  constexpr int kLane = sizeof...(lane);
  return __builtin_shufflevector(a, b, (half * kLane / 2 + lane / 2 + lane % 2 * kLane)...);
}

}  // namespace native

// rows[i][j] becomes rows[j][i]. Element (i, j) lies at index i * kLanes + j; interleaving each row of the first half
// with its partner of the second moves the top bit of the index to the bottom, and doing so once for each bit of i
// swaps i and j.
template <class V>
SPRAT_INLINE void transpose(V (&rows)[kLanes<V>]) {
  constexpr int kLane = kLanes<V>;
  constexpr std::make_integer_sequence<int, kLane> lanes;
  SPRAT_UNROLL(4)
  for (int bit = 1; bit < kLane; bit *= 2) {
    V next[kLane];
    SPRAT_UNROLL(16)
    for (int i = 0; i < kLane / 2; ++i) {
      next[2 * i] = V(native::interleave<0>(rows[i].r, rows[i + kLane / 2].r, lanes));
      next[2 * i + 1] = V(native::interleave<1>(rows[i].r, rows[i + kLane / 2].r, lanes));
    }
    SPRAT_UNROLL(16)
    for (int i = 0; i < kLane; ++i) rows[i] = next[i];
  }
}

SPRAT_ISA_END
