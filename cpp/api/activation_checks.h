// What an activation asks of its arguments, on every device. Looks at no element of an array.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

// name is that of the activation, NULL if there is none.
sprat_status check_activation_forward(int32_t activation, const char* name, sprat_dtype dtype, const void* z,
                                      const void* y, int64_t length);
sprat_status check_activation_backward(int32_t activation, const char* name, bool needs_input, sprat_dtype dtype,
                                       const void* z, const void* y, const void* grad_y, const void* grad_z,
                                       int64_t length);

}  // namespace sprat
