// Sums over a line of elements, the same bits for every number of threads: see kernels/reduce.h for the lanes.
#pragma once

#include <cstdint>

#include "core/parallel.h"
#include "kernels/reduce.h"

namespace sprat {

// The sum of a line of `length` elements. make_add() gives a function for the use of one thread: add(begin, end, lanes)
// adds elements [begin, end) of the line to the lanes that their places name; ranges come in ascending order. A block
// has 4096 elements, or so many more that there are at most 1024 blocks: their sums are then added like elements of a
// line of their own. Nothing but the length decides how.
template <class MakeAdd>
double line_sum(int64_t length, MakeAdd&& make_add) {
  constexpr int64_t kMostBlocks = 1024, kThreadGrain = 4;
  int64_t block = 4096;
  while ((length - 1) / block >= kMostBlocks) block *= 2;
  const int64_t blocks = length > 0 ? (length - 1) / block + 1 : 0;
  double sums[kMostBlocks];
  parallel_for(blocks, kThreadGrain, [&](int64_t first, int64_t last) {
    auto add = make_add();
    for (int64_t b = first; b < last; ++b) {
      double lanes[kReduceLanes] = {};
      add(b * block, b + 1 < blocks ? (b + 1) * block : length, lanes);
      sums[b] = join_halves(lanes);
    }
  });
  double lanes[kReduceLanes] = {};
  for (int64_t b = 0; b < blocks; ++b) lanes[b % kReduceLanes] += sums[b];
  return join_halves(lanes);
}

}  // namespace sprat
