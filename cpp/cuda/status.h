// How a function of sprat_cuda.h refuses: as those of sprat.h do (api/status.h), with this module's own last error.
#pragma once

#include <cuda_runtime.h>

#include "api/checks.h"
#include "cuda/sprat_cuda.h"

namespace sprat::cuda {

// SPRAT_OK, or a refusal with one line: "CUDA: launch: out of memory".
sprat_status check(cudaError_t error, const char* what) noexcept;

}  // namespace sprat::cuda
