// Activations on their own: checks, and the elements spread over threads.
#include "api/checks.h"
#include "api/dispatch.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrain = 16384;

sprat_status check_call(int32_t activation, sprat_dtype dtype, int64_t length) {
  SPRAT_REQUIRE(sprat_activation_name(activation), "activation: there is no activation %d", activation);
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
}  // namespace sprat

using namespace sprat;

int32_t sprat_activation_count(void) noexcept { return kernels().activation->count; }

const char* sprat_activation_name(int32_t activation) noexcept { return name_in(*kernels().activation, activation); }

int32_t sprat_activation_find(const char* name) noexcept { return find_in(*kernels().activation, name); }

int32_t sprat_activation_needs_input(int32_t activation) noexcept {
  return sprat_activation_name(activation) ? kernels().activation->list[activation].needs_input : -1;
}

sprat_status sprat_activation_forward(int32_t activation, sprat_dtype dtype, const void* z, void* y,
                                      int64_t length) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_call(activation, dtype, length));
  if (length == 0) return SPRAT_OK;
  const int64_t item = item_size(dtype);
  SPRAT_RETURN_IF_REFUSED(check_array("z", z, item));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item));
  SPRAT_RETURN_IF_REFUSED(check_overlap("y", y, "z", z, length * item));
  const ActivationForward forward = kernels().activation->list[activation].forward[dtype];
  parallel_for(length, kGrain, [&](int64_t begin, int64_t end) {
    forward(advance(z, begin, item), advance(y, begin, item), end - begin);
  });
  return SPRAT_OK;
}

sprat_status sprat_activation_backward(int32_t activation, sprat_dtype dtype, const void* z, const void* y,
                                       const void* grad_y, void* grad_z, int64_t length) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_call(activation, dtype, length));
  if (length == 0) return SPRAT_OK;
  const int64_t item = item_size(dtype);
  const ActivationKernel& kernel = kernels().activation->list[activation];
  SPRAT_REQUIRE(z || !kernel.needs_input, "z must not be NULL: the gradient of %s needs it", kernel.name);
  if (z) SPRAT_RETURN_IF_REFUSED(check_array("z", z, item));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item));
  SPRAT_RETURN_IF_REFUSED(check_array("grad_y", grad_y, item));
  SPRAT_RETURN_IF_REFUSED(check_array("grad_z", grad_z, item));
  SPRAT_RETURN_IF_REFUSED(check_overlap("grad_z", grad_z, "z", z, length * item));
  SPRAT_RETURN_IF_REFUSED(check_overlap("grad_z", grad_z, "y", y, length * item));
  SPRAT_RETURN_IF_REFUSED(check_overlap("grad_z", grad_z, "grad_y", grad_y, length * item));
  parallel_for(length, kGrain, [&](int64_t begin, int64_t end) {
    kernel.backward[dtype](z ? advance(z, begin, item) : nullptr, advance(y, begin, item), advance(grad_y, begin, item),
                           advance(grad_z, begin, item), end - begin);
  });
  return SPRAT_OK;
}
