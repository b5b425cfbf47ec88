// The magnitude of a rank among the elements of some arrays on the device: see api/magnitude_rank.h.
#pragma once

#include <cstdint>

#include "api/magnitude_rank.h"

namespace sprat::cuda {

// 0 <= rank < the number of elements, counted from the smallest magnitude; NaN come last. Waits for the stream.
sprat_status magnitude_of_rank(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays, int64_t rank,
                               RankedMagnitude* found, void* stream);

}  // namespace sprat::cuda
