#include "api/activation_checks.h"

#include "api/checks.h"

namespace sprat {
namespace {

sprat_status check_call(int32_t activation, const char* name, sprat_dtype dtype, int64_t length) {
  SPRAT_REQUIRE(name, "activation: there is no activation %d", activation);
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(length >= 0 && size_fits(length, 1), "length: wanted at least 0, got %lld", shown(length));
  return SPRAT_OK;
}

// A result may be an input itself, but not a shifted part of it.
sprat_status check_overlap(const char* result_name, const void* result, const char* name, const void* array,
                           int64_t bytes) {
  SPRAT_REQUIRE(result == array || !overlap(result, array, bytes), "%s overlaps a part of %s", result_name, name);
  return SPRAT_OK;
}

}  // namespace

sprat_status check_activation_forward(int32_t activation, const char* name, sprat_dtype dtype, const void* z,
                                      const void* y, int64_t length) {
  SPRAT_RETURN_IF_REFUSED(check_call(activation, name, dtype, length));
  if (length == 0) return SPRAT_OK;
  const int64_t item = item_size(dtype);
  SPRAT_RETURN_IF_REFUSED(check_array("z", z, item));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item));
  return check_overlap("y", y, "z", z, length * item);
}

sprat_status check_activation_backward(int32_t activation, const char* name, bool needs_input, sprat_dtype dtype,
                                       const void* z, const void* y, const void* grad_y, const void* grad_z,
                                       int64_t length) {
  SPRAT_RETURN_IF_REFUSED(check_call(activation, name, dtype, length));
  if (length == 0) return SPRAT_OK;
  const int64_t item = item_size(dtype);
  SPRAT_REQUIRE(z || !needs_input, "z must not be NULL: the gradient of %s needs it", name);
  if (z) SPRAT_RETURN_IF_REFUSED(check_array("z", z, item));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item));
  SPRAT_RETURN_IF_REFUSED(check_array("grad_y", grad_y, item));
  SPRAT_RETURN_IF_REFUSED(check_array("grad_z", grad_z, item));
  SPRAT_RETURN_IF_REFUSED(check_overlap("grad_z", grad_z, "z", z, length * item));
  SPRAT_RETURN_IF_REFUSED(check_overlap("grad_z", grad_z, "y", y, length * item));
  return check_overlap("grad_z", grad_z, "grad_y", grad_y, length * item);
}

}  // namespace sprat
