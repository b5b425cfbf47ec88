// The base of every predictor on the device: a frozen network whose weights lie there.
#pragma once

#include "cuda/status.h"

struct sprat_cuda_predictor {
  virtual ~sprat_cuda_predictor() = default;

  // out (rows, out_features) for x (rows, in_features), rows >= 1, checked by the caller. What lies between two layers
  // is memory of the stream, so that any number of threads and streams may run it.
  virtual sprat_status run(const void* x, int64_t rows, void* out, void* stream) const = 0;

  sprat_dtype dtype = SPRAT_FLOAT32;  // of x and out
  int64_t in_features = 0, out_features = 0;
};

namespace sprat::cuda {

// Memory of the device until it is destroyed, which waits for the device.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory&) = delete;
  ~DeviceMemory() {
    if (memory_) cudaFree(memory_);
  }
  sprat_status allocate(int64_t bytes) { return check(cudaMalloc(&memory_, static_cast<size_t>(bytes)), "predictor"); }
  char* data() const { return static_cast<char*>(memory_); }

 private:
  void* memory_ = nullptr;
};

}  // namespace sprat::cuda
