#include "cuda/status.h"

#include <cstdarg>
#include <cstdio>

namespace sprat {
namespace {
thread_local char last_error[512] = "";
}

// api/checks.h refuses by this function. libsprat has its own, which it does not export.
sprat_status refuse(sprat_status status, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}

namespace cuda {

sprat_status check(cudaError_t error, const char* what) noexcept {
  // CUDA keeps the error of a failed call for whoever asks next; that shall not be a call which succeeds.
  if (error != cudaSuccess) cudaGetLastError();
  switch (error) {
    case cudaSuccess:
      return SPRAT_OK;
    case cudaErrorInsufficientDriver:
      return refuse(SPRAT_UNSUPPORTED, "CUDA: no driver, or one that is too old");
    case cudaErrorNoDevice:
      return refuse(SPRAT_UNSUPPORTED, "CUDA: there is no device");
    case cudaErrorMemoryAllocation:
      return refuse(SPRAT_OUT_OF_MEMORY, "CUDA: %s: no memory left on the device", what);
    default:
      return refuse(SPRAT_UNSUPPORTED, "CUDA: %s: %s", what, cudaGetErrorString(error));
  }
}

}  // namespace cuda
}  // namespace sprat

const char* sprat_cuda_last_error(void) noexcept { return sprat::last_error; }
