// A sum in shared memory, right and with the mistakes that the emulation must find. Not part of the library.
//
//   broken right | race | shared | device | stuck | uninitialized        prints the sum
#include <cstdio>
#include <cstring>

#include "cuda/launch.h"

namespace {

constexpr int kCount = 64;

template <bool kSynced>
__global__ void sum(const float* x, float* out) {
  __shared__ float values[kCount];
  const int t = static_cast<int>(threadIdx.x);
  values[t] = x[blockIdx.x * kCount + t];
  if (kSynced) __syncthreads();
  for (int half = kCount / 2; half > 0; half /= 2) {
    if (t < half) values[t] = values[t] + values[t + half];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = values[0];
}

__global__ void beyond_shared(const float* x, float* out) {
  __shared__ float values[kCount];
  const int t = static_cast<int>(threadIdx.x);
  values[t + 1] = x[t];
  __syncthreads();
  if (t == 0) out[0] = values[1];
}

__global__ void beyond_device(const float* x, float* out) {
  if (threadIdx.x == 0) out[0] = x[2 * kCount + blockIdx.x];
}

__global__ void stuck(float* out) {
  if (threadIdx.x % 2 == 0) __syncthreads();
  else __syncwarp();
  out[0] = 0;
}

__global__ void uninitialized(float* out) {
  if (threadIdx.x == 0) out[0] = out[1] + 1;
}

}  // namespace

int main(int count, char** arguments) {
  using sprat::cuda::launch;
  const char* mode = count > 1 ? arguments[1] : "right";
  const auto is = [&](const char* name) { return std::strcmp(mode, name) == 0; };
  float host[2 * kCount];
  for (int i = 0; i < 2 * kCount; ++i) host[i] = static_cast<float>(i % 7);
  float *x = nullptr, *out = nullptr;
  cudaMalloc(reinterpret_cast<void**>(&x), sizeof host);
  cudaMalloc(reinterpret_cast<void**>(&out), 2 * sizeof(float));
  cudaMemcpy(x, host, sizeof host, cudaMemcpyDefault);
  sprat_status status = SPRAT_OK;
  if (is("right")) status = launch(sum<true>, 2, kCount, nullptr, x, out);
  if (is("race")) status = launch(sum<false>, 2, kCount, nullptr, x, out);
  if (is("shared")) status = launch(beyond_shared, 1, kCount, nullptr, x, out);
  if (is("device")) status = launch(beyond_device, 1, kCount, nullptr, x, out);
  if (is("stuck")) status = launch(stuck, 1, kCount, nullptr, out);
  if (is("uninitialized")) status = launch(uninitialized, 1, kCount, nullptr, out);
  float sums[2];
  cudaMemcpy(sums, out, sizeof sums, cudaMemcpyDefault);
  std::printf("%g\n", static_cast<double>(sums[0]));
  cudaFree(x);
  cudaFree(out);
  return status;
}
