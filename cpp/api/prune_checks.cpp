#include "api/prune_checks.h"

#include "api/checks.h"

namespace sprat {
namespace {

sprat_status check_prune_array(const sprat_prune_array& array, sprat_dtype dtype) {
  SPRAT_REQUIRE(array.size == sizeof array, "array.size: wanted %zu, got %zu", sizeof array, array.size);
  SPRAT_REQUIRE(array.length >= 0, "array.length: wanted at least 0, got %lld", shown(array.length));
  return array.length == 0 ? SPRAT_OK : check_array("array.x", array.x, item_size(dtype));
}

}  // namespace

sprat_status check_prune_threshold(sprat_dtype dtype, const sprat_prune_array* array, double threshold) {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(array, "array must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_prune_array(*array, dtype));
  SPRAT_REQUIRE(threshold >= 0, "threshold: wanted a number of at least 0, got %g", threshold);
  return SPRAT_OK;
}

sprat_status check_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                                  int64_t count) {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(arrays || num_arrays == 0, "arrays must not be NULL");
  int64_t total = 0;
  for (int64_t a = 0; a < num_arrays; ++a) {
    SPRAT_RETURN_IF_REFUSED(check_prune_array(arrays[a], dtype));
    total += arrays[a].length;
  }
  SPRAT_REQUIRE(count >= 0 && count <= total, "count: wanted 0 to %lld, got %lld", shown(total), shown(count));
  return SPRAT_OK;
}

}  // namespace sprat
