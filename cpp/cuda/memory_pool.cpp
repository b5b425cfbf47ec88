#include "cuda/memory_pool.h"

#include <cstdint>
#include <mutex>

namespace sprat::cuda {
namespace {
constexpr int kMaxDevices = 64;
std::mutex mutex;
cudaMemPool_t pools[kMaxDevices];  // never destroyed: at the end of the process the driver may be gone first

cudaError_t make(int device, cudaMemPool_t* pool) {
  int supported = 0;
  if (cudaError_t error = cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device)) return error;
  if (!supported) return cudaErrorNotSupported;
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  cudaMemPool_t made = nullptr;
  if (cudaError_t error = cudaMemPoolCreate(&made, &properties)) return error;
  uint64_t keep = UINT64_MAX;
  if (cudaError_t error = cudaMemPoolSetAttribute(made, cudaMemPoolAttrReleaseThreshold, &keep)) {
    cudaMemPoolDestroy(made);
    return error;
  }
  *pool = made;
  return cudaSuccess;
}
}  // namespace

cudaError_t memory_pool(cudaMemPool_t* pool) noexcept {
  int device = 0;
  if (cudaError_t error = cudaGetDevice(&device)) return error;
  if (device >= kMaxDevices) return cudaErrorInvalidDevice;
  const std::lock_guard lock(mutex);
  if (!pools[device]) {
    if (cudaError_t error = make(device, &pools[device])) return error;
  }
  *pool = pools[device];
  return cudaSuccess;
}

}  // namespace sprat::cuda
