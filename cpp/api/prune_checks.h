// What pruning asks of its arguments, on every device, and how it names magnitudes. Looks at no element of an array.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "sprat/sprat.h"

namespace sprat {

sprat_status check_prune_threshold(sprat_dtype dtype, const sprat_prune_array* array, double threshold);
sprat_status check_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                                  int64_t count);

// Beyond float's range the language leaves the conversion open.
inline float to_float(double threshold) {
  using Limits = std::numeric_limits<float>;
  return threshold > double{Limits::max()} ? Limits::infinity() : static_cast<float>(threshold);
}

inline double magnitude_from_bits(sprat_dtype dtype, uint64_t bits) {
  return dtype == SPRAT_FLOAT32 ? double{std::bit_cast<float>(static_cast<uint32_t>(bits))}
                                : std::bit_cast<double>(bits);
}
// The largest magnitude below that of these bits; -1 where there is none.
inline double magnitude_before(sprat_dtype dtype, uint64_t bits) {
  return bits == 0 ? -1.0 : magnitude_from_bits(dtype, bits - 1);
}

// What goes for |x| < threshold: the largest magnitude below it, rounded first to the type of the arrays.
inline double threshold_bound(sprat_dtype dtype, double threshold) {
  const uint64_t bits = dtype == SPRAT_FLOAT32 ? std::bit_cast<uint32_t>(std::fabs(to_float(threshold)))
                                               : std::bit_cast<uint64_t>(std::fabs(threshold));
  return magnitude_before(dtype, bits);
}

}  // namespace sprat
