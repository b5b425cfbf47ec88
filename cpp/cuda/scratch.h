// Device memory for the length of a call, in the order of its stream.
#pragma once

#include "cuda/status.h"

namespace sprat::cuda {

class Scratch {
 public:
  explicit Scratch(void* stream) : stream_(stream) {}
  Scratch(const Scratch&) = delete;
  ~Scratch() {  // not sprat_cuda_free: the last error stays that of the call
    if (memory_ && cudaFreeAsync(memory_, static_cast<cudaStream_t>(stream_)) != cudaSuccess) cudaGetLastError();
  }

  sprat_status allocate(int64_t bytes) { return sprat_cuda_malloc(bytes, &memory_, stream_); }
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* stream_;
  void* memory_ = nullptr;
};

// A number that the device has computed, once it has.
template <class T>
sprat_status fetch(T* to, const T* from, void* stream) {
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_copy(to, from, sizeof(T), stream));
  return sprat_cuda_synchronize(stream);
}

}  // namespace sprat::cuda
