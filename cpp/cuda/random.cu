// Counter-based random numbers: a thread makes the elements of one block of Philox.
#include "api/random_checks.h"
#include "core/normal.h"
#include "core/rng.h"
#include "cuda/launch.h"

SPRAT_ISA_BEGIN

struct UniformFloat {
  static constexpr int kLanes = 4;
  float low, high;
  __device__ float operator()(const RandomBlock& block, int lane) const {
    return uniform_between(low, high, uniform_float(block.word[lane]));
  }
};
struct UniformDouble {
  static constexpr int kLanes = 2;
  double low, high;
  __device__ double operator()(const RandomBlock& block, int lane) const {
    return uniform_between(low, high, uniform_double(block.word64(lane)));
  }
};
template <class T>
struct Normal {
  static constexpr int kLanes = 2;
  double mean, std;
  __device__ T operator()(const RandomBlock& block, int lane) const {
    return static_cast<T>(mean + std * standard_normal(block.word64(lane)));
  }
};

template <class Make, class T>
__global__ void __launch_bounds__(cuda::kThreads) fill(Make make, uint64_t seed, uint64_t stream, int64_t n, T* out) {
  const int64_t b = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x, first = b * Make::kLanes;
  if (first >= n) return;
  const RandomBlock block = Philox(seed).block(stream, static_cast<uint64_t>(b));
  for (int lane = 0; lane < Make::kLanes; ++lane) {
    if (first + lane < n) out[first + lane] = make(block, lane);
  }
}

template <class T, class Make>
sprat_status run(const Make& make, uint64_t seed, uint64_t stream, int64_t n, void* out, void* cuda_stream) {
  const int64_t blocks = cuda::blocks_for(cuda::blocks_for(n, Make::kLanes), cuda::kThreads);
  return cuda::launch(fill<Make, T>, static_cast<unsigned>(blocks), cuda::kThreads, cuda_stream, make, seed, stream, n,
                      static_cast<T*>(out));
}

SPRAT_ISA_END

sprat_status sprat_cuda_fill_uniform(sprat_dtype dtype, uint64_t seed, uint64_t stream, double low, double high,
                                     int64_t length, void* out, void* cuda_stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_fill(dtype, "low and high", low, high, length, out));
  if (dtype == SPRAT_FLOAT32) {
    const UniformFloat make{static_cast<float>(low), static_cast<float>(high)};
    return run<float>(make, seed, stream, length, out, cuda_stream);
  }
  return run<double>(UniformDouble{low, high}, seed, stream, length, out, cuda_stream);
}

sprat_status sprat_cuda_fill_normal(sprat_dtype dtype, uint64_t seed, uint64_t stream, double mean, double std,
                                    int64_t length, void* out, void* cuda_stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_fill(dtype, "mean and std", mean, std, length, out));
  return dtype == SPRAT_FLOAT32 ? run<float>(Normal<float>{mean, std}, seed, stream, length, out, cuda_stream)
                                : run<double>(Normal<double>{mean, std}, seed, stream, length, out, cuda_stream);
}
