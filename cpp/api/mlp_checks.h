// Checks that the functions of a network share.
#pragma once

#include "api/status.h"

namespace sprat {

sprat_status check_call(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                        const sprat_mlp_options* options);

}  // namespace sprat
