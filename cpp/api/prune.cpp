// Pruning by threshold and by rank of magnitude.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <mutex>

#include "api/checks.h"
#include "api/dispatch.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrain = 65536;

sprat_status check_prune_array(const sprat_prune_array& array, sprat_dtype dtype) {
  SPRAT_REQUIRE(array.size == sizeof array, "array.size: wanted %zu, got %zu", sizeof array, array.size);
  SPRAT_REQUIRE(array.length >= 0, "array.length: wanted at least 0, got %lld", shown(array.length));
  return array.length == 0 ? SPRAT_OK : check_array("array.x", array.x, item_size(dtype));
}

int64_t prune_below(sprat_dtype dtype, const sprat_prune_array& array, double threshold) {
  const auto kernel = kernels().prune->threshold[dtype];
  std::atomic<int64_t> pruned{0};
  parallel_for(array.length, kGrain, [&](int64_t begin, int64_t end) {
    pruned.fetch_add(kernel(array.x, threshold, array.mask, begin, end), std::memory_order_relaxed);
  });
  return pruned;
}

// The bits of the magnitude with `rank` smaller-or-equal ones before it (rank counts from 0): a radix selection, one
// digit a pass from the top, that never moves an element. ties_before receives how many elements of exactly this
// magnitude have a rank below `rank`.
uint64_t select_magnitude(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays, int64_t rank,
                          int64_t* ties_before) {
  const auto histogram = kernels().prune->magnitude_histogram[dtype];
  const int bits = dtype == SPRAT_FLOAT32 ? 32 : 64;
  uint64_t prefix = 0;
  for (int top = bits; top > 0; top -= kMagnitudeDigitBits) {
    const int shift = std::max(top - kMagnitudeDigitBits, 0);
    // The last digit overlaps the one before: its upper bits are known, so counting starts at their first bin.
    const int known_bits = shift + kMagnitudeDigitBits - top;
    const uint64_t above = prefix >> known_bits;
    const uint64_t known = prefix & ((uint64_t{1} << known_bits) - 1);
    int64_t bins[kMagnitudeBins] = {};
    std::mutex mutex;
    for (int64_t a = 0; a < num_arrays; ++a) {
      parallel_for(arrays[a].length, kGrain, [&](int64_t begin, int64_t end) {
        int64_t mine[kMagnitudeBins] = {};
        histogram(arrays[a].x, begin, end, above, shift, mine);
        const std::lock_guard lock(mutex);  // taken once a range; sums of counts do not depend on the order
        for (int b = 0; b < kMagnitudeBins; ++b) bins[b] += mine[b];
      });
    }
    auto digit = static_cast<int>(known << (kMagnitudeDigitBits - known_bits));
    while (rank >= bins[digit]) rank -= bins[digit++];
    prefix = above << kMagnitudeDigitBits | static_cast<uint64_t>(digit);
    if (shift == 0) break;
  }
  *ties_before = rank;
  return prefix;
}

double magnitude_from_bits(sprat_dtype dtype, uint64_t bits) {
  return dtype == SPRAT_FLOAT32 ? double{std::bit_cast<float>(static_cast<uint32_t>(bits))}
                                : std::bit_cast<double>(bits);
}

// Sets the first `count` elements of exactly this magnitude to zero, in the order of the arrays.
template <class T>
void prune_ties(const sprat_prune_array* arrays, int64_t num_arrays, double magnitude, int64_t count) {
  for (int64_t a = 0; a < num_arrays; ++a) {
    T* x = static_cast<T*>(arrays[a].x);
    for (int64_t i = 0; i < arrays[a].length && count > 0; ++i) {
      if (std::fabs(x[i]) != static_cast<T>(magnitude)) continue;
      x[i] = 0;
      if (arrays[a].mask) arrays[a].mask[i] = 0;
      --count;
    }
  }
}

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_prune_threshold(sprat_dtype dtype, const sprat_prune_array* array, double threshold,
                                   int64_t* pruned) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(array, "array must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_prune_array(*array, dtype));
  SPRAT_REQUIRE(threshold >= 0, "threshold: wanted a number of at least 0, got %g", threshold);
  const int64_t count = prune_below(dtype, *array, threshold);
  if (pruned) *pruned = count;
  return SPRAT_OK;
}

sprat_status sprat_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays, int64_t count,
                                  double* threshold) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(arrays || num_arrays == 0, "arrays must not be NULL");
  int64_t total = 0;
  for (int64_t a = 0; a < num_arrays; ++a) {
    SPRAT_RETURN_IF_REFUSED(check_prune_array(arrays[a], dtype));
    total += arrays[a].length;
  }
  SPRAT_REQUIRE(count >= 0 && count <= total, "count: wanted 0 to %lld, got %lld", shown(total), shown(count));
  double bound = 0;
  int64_t ties = 0;  // elements of magnitude `bound` that go as well
  if (count > 0) {
    bound = magnitude_from_bits(dtype, select_magnitude(dtype, arrays, num_arrays, count - 1, &ties));
    ++ties;  // ranks count from 0
    SPRAT_REQUIRE(!std::isnan(bound), "count: there are not %lld elements that are not NaN", shown(count));
  }
  for (int64_t a = 0; a < num_arrays; ++a) prune_below(dtype, arrays[a], bound);
  if (dtype == SPRAT_FLOAT32) prune_ties<float>(arrays, num_arrays, bound, ties);
  else prune_ties<double>(arrays, num_arrays, bound, ties);
  if (threshold) *threshold = bound;
  return SPRAT_OK;
}
