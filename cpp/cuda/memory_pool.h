// The memory that this module asks of a device. What is given back stays in the pool: the default pool would return it
// to the driver whenever a stream is waited for, and the next call would wait for the driver. A pool of our own, so
// that the limits of other libraries' memory stay theirs.
#pragma once

#include <cuda_runtime.h>

namespace sprat::cuda {

// The pool of the current device, made at its first use.
cudaError_t memory_pool(cudaMemPool_t* pool) noexcept;

}  // namespace sprat::cuda
