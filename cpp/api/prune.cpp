// Pruning by threshold and by rank of magnitude.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/magnitude_rank.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings: in place, what one core has written another must
// fetch from it.
constexpr int64_t kGrain = int64_t{1} << 20;

sprat_status check_prune_array(const sprat_prune_array& array, sprat_dtype dtype) {
  SPRAT_REQUIRE(array.size == sizeof array, "array.size: wanted %zu, got %zu", sizeof array, array.size);
  SPRAT_REQUIRE(array.length >= 0, "array.length: wanted at least 0, got %lld", shown(array.length));
  return array.length == 0 ? SPRAT_OK : check_array("array.x", array.x, item_size(dtype));
}

// Prunes elements [begin, end) up to a magnitude; returns how many went.
int64_t prune_up_to(sprat_dtype dtype, const sprat_prune_array& array, int64_t begin, int64_t end, double bound) {
  const auto kernel = kernels().prune->prune_up_to[dtype];
  std::atomic<int64_t> pruned{0};
  parallel_for(end - begin, kGrain, [&](int64_t from, int64_t to) {
    pruned.fetch_add(kernel(array.x, bound, array.mask, begin + from, begin + to), std::memory_order_relaxed);
  });
  return pruned;
}

// Beyond float's range the language leaves the conversion open.
float to_float(double threshold) {
  using Limits = std::numeric_limits<float>;
  return threshold > double{Limits::max()} ? Limits::infinity() : static_cast<float>(threshold);
}

double magnitude_from_bits(sprat_dtype dtype, uint64_t bits) {
  return dtype == SPRAT_FLOAT32 ? double{std::bit_cast<float>(static_cast<uint32_t>(bits))}
                                : std::bit_cast<double>(bits);
}
// The largest magnitude below that of these bits; -1 where there is none.
double magnitude_before(sprat_dtype dtype, uint64_t bits) {
  return bits == 0 ? -1.0 : magnitude_from_bits(dtype, bits - 1);
}

// Of the elements of this magnitude, the index after the `count`-th in an array, or the array's length with count
// lowered by as many as it has.
int64_t index_after_ties(sprat_dtype dtype, const sprat_prune_array& array, uint64_t bits, int64_t& count) {
  constexpr int64_t kBlock = 4096;
  for (int64_t i = 0; i < array.length; i += kBlock) {
    const int64_t end = std::min(array.length, i + kBlock);
    const int64_t here = count_magnitude(dtype, array.x, i, end, bits);
    if (here < count) {
      count -= here;
      continue;
    }
    while (count > 0) count -= count_magnitude(dtype, array.x, i, i + 1, bits), ++i;
    return i;
  }
  return array.length;
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
  // As the arrays' type has it: rounded first, and then the number before it.
  const uint64_t bits = dtype == SPRAT_FLOAT32 ? std::bit_cast<uint32_t>(std::fabs(to_float(threshold)))
                                               : std::bit_cast<uint64_t>(std::fabs(threshold));
  const int64_t count = prune_up_to(dtype, *array, 0, array->length, magnitude_before(dtype, bits));
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
  if (count == 0) {
    for (int64_t a = 0; a < num_arrays; ++a) prune_up_to(dtype, arrays[a], 0, arrays[a].length, -1.0);
    if (threshold) *threshold = 0;
    return SPRAT_OK;
  }
  const RankedMagnitude last = magnitude_of_rank(dtype, arrays, num_arrays, count - 1);
  const double bound = magnitude_from_bits(dtype, last.bits);
  SPRAT_REQUIRE(!std::isnan(bound), "count: there are not %lld elements that are not NaN", shown(count));
  // Among those of the last magnitude the first ones go; mostly it is one element, or all of them.
  int64_t ties = last.before + 1;
  const bool all_go = ties == last.equal;
  for (int64_t a = 0; a < num_arrays; ++a) {
    const sprat_prune_array& array = arrays[a];
    const int64_t cut = all_go ? array.length : ties > 0 ? index_after_ties(dtype, array, last.bits, ties) : 0;
    prune_up_to(dtype, array, 0, cut, bound);
    prune_up_to(dtype, array, cut, array.length, magnitude_before(dtype, last.bits));
  }
  if (threshold) *threshold = bound;
  return SPRAT_OK;
}
