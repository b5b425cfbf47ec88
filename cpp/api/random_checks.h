// What arrays of random numbers ask of their arguments, on every device.
#pragma once

#include <cmath>

#include "api/checks.h"

namespace sprat {

inline sprat_status check_fill(sprat_dtype dtype, const char* names, double a, double b, int64_t length,
                               const void* out) {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(std::isfinite(a) && std::isfinite(b), "%s: wanted finite numbers, got %g and %g", names, a, b);
  SPRAT_REQUIRE(length >= 0, "length: wanted at least 0, got %lld", shown(length));
  return length == 0 ? SPRAT_OK : check_array("out", out, item_size(dtype));
}

}  // namespace sprat
