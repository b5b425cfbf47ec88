// Starts kernels. This is the only place that knows whether nvcc or a C++ compiler (emulation/) reads it.
#pragma once

#include <cuda_runtime.h>

#include "cuda/status.h"

namespace sprat::cuda {

constexpr int kThreads = 256;  // of a block, where a kernel has no reason for another number

// Blocks of `each` elements that n elements take.
constexpr int64_t blocks_for(int64_t n, int64_t each) { return (n + each - 1) / each; }

// The kernel over a grid of blocks, on a stream. An empty grid starts nothing.
template <class... Parameters, class... Arguments>
sprat_status launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void* stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return SPRAT_OK;
#if defined(__CUDACC__)
  // Not <<<>>> and cudaGetLastError(), which would also tell of what other libraries' calls have left there.
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = static_cast<cudaStream_t>(stream);
  return check(cudaLaunchKernelEx(&config, kernel, arguments...), "launch");
#else
  (void)stream;
  const auto call = [=] { kernel(arguments...); };
  emulation::run_grid(
      grid, block, [](const void* it) { (*static_cast<const decltype(call)*>(it))(); }, &call);
  return SPRAT_OK;
#endif
}

}  // namespace sprat::cuda
