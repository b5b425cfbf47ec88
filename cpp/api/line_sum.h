// Sums over a line of elements, the same bits for every number of threads: see kernels/reduce.h for the lanes.
#pragma once

#include <cstdint>

#include "core/parallel.h"
#include "kernels/reduce.h"

namespace sprat {

// The sum of a line of `length` elements. make_add() gives a function for the use of one thread: add(begin, end, lanes)
// adds elements [begin, end) of the line to the lanes that their places name; ranges come in ascending order. A block
// is that of line_block(length); the sums of blocks are then added like elements of a line of their own. Nothing but
// the length decides how.
template <class MakeAdd>
double line_sum(int64_t length, MakeAdd&& make_add) {
  constexpr int64_t kThreadGrain = 4;
  const int64_t block = line_block(length);
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
