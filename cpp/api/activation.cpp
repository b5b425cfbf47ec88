// Activations on their own: checks, and the elements spread over threads.
#include "api/activation_checks.h"
#include "api/checks.h"
#include "api/dispatch.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrain = 16384;

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
  const char* name = sprat_activation_name(activation);
  SPRAT_RETURN_IF_REFUSED(check_activation_forward(activation, name, dtype, z, y, length));
  const int64_t item = item_size(dtype);
  const ActivationForward forward = kernels().activation->list[activation].forward[dtype];
  parallel_for(length, kGrain, [&](int64_t begin, int64_t end) {
    forward(advance(z, begin, item), advance(y, begin, item), end - begin);
  });
  return SPRAT_OK;
}

sprat_status sprat_activation_backward(int32_t activation, sprat_dtype dtype, const void* z, const void* y,
                                       const void* grad_y, void* grad_z, int64_t length) noexcept {
  const char* name = sprat_activation_name(activation);
  const bool needs_input = name && kernels().activation->list[activation].needs_input;
  SPRAT_RETURN_IF_REFUSED(
      check_activation_backward(activation, name, needs_input, dtype, z, y, grad_y, grad_z, length));
  const int64_t item = item_size(dtype);
  const ActivationBackward backward = kernels().activation->list[activation].backward[dtype];
  parallel_for(length, kGrain, [&](int64_t begin, int64_t end) {
    backward(z ? advance(z, begin, item) : nullptr, advance(y, begin, item), advance(grad_y, begin, item),
             advance(grad_z, begin, item), end - begin);
  });
  return SPRAT_OK;
}
