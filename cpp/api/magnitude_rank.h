// The magnitude of a rank among the elements of some arrays, exactly and without moving or sorting them.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

struct RankedMagnitude {
  uint64_t bits;   // of the magnitude
  int64_t before;  // how many elements of just this magnitude have a lower rank
  int64_t equal;   // how many there are
};

// 0 <= rank < the number of elements, counted from the smallest magnitude; NaN come last.
RankedMagnitude magnitude_of_rank(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays, int64_t rank);

// How many elements [begin, end) have just this magnitude.
int64_t count_magnitude(sprat_dtype dtype, const void* x, int64_t begin, int64_t end, uint64_t bits);

}  // namespace sprat
