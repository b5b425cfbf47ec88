// What an optimizer step asks of its arguments, on every device. Looks at no element of an array.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

sprat_status check_optimizer_params(const sprat_optimizer_params& params);
// num_states is that of group.optimizer, negative if there is no such optimizer.
sprat_status check_optimizer_group(const sprat_optimizer_group& group, int32_t num_states);
sprat_status check_optimizer_options(const sprat_optimizer_options& options);
sprat_status check_count_nonfinite(sprat_dtype dtype, const void* x, int64_t length, const int64_t* count);

}  // namespace sprat
