// Limits of the machine: positive, in an order that no machine turns around, and refused in one line.
#include <cmath>
#include <cstring>

#include "check.h"
#include "sprat/sprat.h"

namespace {

bool refused(sprat_status status, const char* part) {
  return status == SPRAT_INVALID_ARGUMENT && std::strstr(sprat_last_error(), part);
}

}  // namespace

int main() {
  double products = 0, integers = 0, near = 0, far = 0;
  CHECK_EQ(sprat_limit_of_products(SPRAT_FLOAT32, &products), SPRAT_OK);
  CHECK_EQ(sprat_limit_of_products(SPRAT_INT8, &integers), SPRAT_OK);
  CHECK_EQ(sprat_limit_of_reading(16 << 10, &near), SPRAT_OK);
  CHECK_EQ(sprat_limit_of_reading(64 << 20, &far), SPRAT_OK);
  CHECK(std::isfinite(products) && products > 1e6);
  CHECK(std::isfinite(integers) && integers > 1e6);
  CHECK(far > 1e6 && std::isfinite(near));
  CHECK(refused(sprat_limit_of_products(SPRAT_FLOAT64, &products), "dtype: wanted float32 or int8"));
  CHECK(refused(sprat_limit_of_products(SPRAT_INT8, nullptr), "per_second"));
  CHECK(refused(sprat_limit_of_reading(1023, &near), "bytes: wanted at least 1024, got 1023"));
  CHECK(refused(sprat_limit_of_reading(1024, nullptr), "per_second"));
  return check::report();
}
