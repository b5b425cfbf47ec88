// Counter-based random numbers and orders through the C ABI.
#include "api/checks.h"
#include "api/random_checks.h"
#include "core/random_fill.h"
#include "core/shuffle.h"

using namespace sprat;

sprat_status sprat_permutation(uint64_t seed, uint64_t stream, int64_t length, int64_t* out) noexcept {
  SPRAT_REQUIRE(length >= 0, "length: wanted at least 0, got %lld", shown(length));
  if (length > 0) SPRAT_RETURN_IF_REFUSED(check_array("out", out, sizeof *out));
  permutation(seed, stream, length, out);
  return SPRAT_OK;
}

sprat_status sprat_fill_uniform(sprat_dtype dtype, uint64_t seed, uint64_t stream, double low, double high,
                                int64_t length, void* out) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_fill(dtype, "low and high", low, high, length, out));
  if (dtype == SPRAT_FLOAT32) {
    fill_uniform(seed, stream, 0, length, static_cast<float>(low), static_cast<float>(high), static_cast<float*>(out));
  } else {
    fill_uniform(seed, stream, 0, length, low, high, static_cast<double*>(out));
  }
  return SPRAT_OK;
}

sprat_status sprat_fill_normal(sprat_dtype dtype, uint64_t seed, uint64_t stream, double mean, double std,
                               int64_t length, void* out) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_fill(dtype, "mean and std", mean, std, length, out));
  if (dtype == SPRAT_FLOAT32) {
    fill_normal(seed, stream, 0, length, mean, std, static_cast<float*>(out));
  } else {
    fill_normal(seed, stream, 0, length, mean, std, static_cast<double*>(out));
  }
  return SPRAT_OK;
}
