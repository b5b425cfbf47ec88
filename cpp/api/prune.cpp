// Pruning by threshold and by rank of magnitude.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/magnitude_rank.h"
#include "api/prune_checks.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings: in place, what one core has written another must
// fetch from it.
constexpr int64_t kGrain = int64_t{1} << 20;

// Prunes elements [begin, end) up to a magnitude; returns how many went.
int64_t prune_up_to(sprat_dtype dtype, const sprat_prune_array& array, int64_t begin, int64_t end, double bound) {
  const auto kernel = kernels().prune->prune_up_to[dtype];
  std::atomic<int64_t> pruned{0};
  parallel_for(end - begin, kGrain, [&](int64_t from, int64_t to) {
    pruned.fetch_add(kernel(array.x, bound, array.mask, begin + from, begin + to), std::memory_order_relaxed);
  });
  return pruned;
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
  SPRAT_RETURN_IF_REFUSED(check_prune_threshold(dtype, array, threshold));
  const int64_t count = prune_up_to(dtype, *array, 0, array->length, threshold_bound(dtype, threshold));
  if (pruned) *pruned = count;
  return SPRAT_OK;
}

sprat_status sprat_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays, int64_t count,
                                  double* threshold) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_prune_smallest(dtype, arrays, num_arrays, count));
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
