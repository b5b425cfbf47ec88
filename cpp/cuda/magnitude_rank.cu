// A radix selection, one digit of |x| a pass from the top. No pass waits for the host: each finds in device memory what
// the last one has narrowed the search to.
#include "cuda/magnitude_rank.h"

#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "kernels/prune.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

struct Search {
  unsigned long long prefix;  // the digits above, found so far
  long long rank;             // among the elements that have them
  unsigned long long equal;   // elements that have the last digit too
  unsigned long long bins[kMagnitudeBins];
};

// The digits, from the top: bit kBits - 1 is the sign, which |x| lacks. The last one is shorter.
template <class T>
struct Digits {
  static constexpr int kBits = 8 * static_cast<int>(sizeof(T));
  static constexpr int kCount = (kBits + kMagnitudeDigitBits - 1) / kMagnitudeDigitBits;
  static constexpr int shift(int digit) {
    const int top = kBits - digit * kMagnitudeDigitBits;
    return top > kMagnitudeDigitBits ? top - kMagnitudeDigitBits : 0;
  }
};

template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    add_histogram(const T* x, int64_t n, int shift, int above, Search* search) {
  using Bits = std::make_unsigned_t<Int<T>>;
  __shared__ unsigned own[kMagnitudeBins];
  for (int b = static_cast<int>(threadIdx.x); b < kMagnitudeBins; b += cuda::kThreads) own[b] = 0;
  __syncthreads();
  const auto prefix = static_cast<Bits>(search->prefix);
  const int64_t stride = int64_t{gridDim.x} * cuda::kThreads;
  for (int64_t i = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x; i < n; i += stride) {
    const auto bits = static_cast<Bits>(to_bits(abs(x[i])));
    if (above < Digits<T>::kBits && bits >> above != prefix) continue;
    const unsigned bin = static_cast<unsigned>(bits >> shift) & ((1u << (above - shift)) - 1u);
    atomicAdd(&own[bin], 1u);
  }
  __syncthreads();
  for (int b = static_cast<int>(threadIdx.x); b < kMagnitudeBins; b += cuda::kThreads) {
    if (own[b] > 0) atomicAdd(&search->bins[b], static_cast<unsigned long long>(own[b]));
  }
}

// The bin that holds the rank joins the prefix. Each thread sums its stretch of bins, the first finds the stretch.
__global__ void __launch_bounds__(cuda::kThreads) take_digit(int digit_bits, Search* search) {
  constexpr int kStretch = kMagnitudeBins / cuda::kThreads;
  __shared__ unsigned long long sums[cuda::kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  unsigned long long sum = 0;
  for (int k = 0; k < kStretch; ++k) sum += search->bins[thread * kStretch + k];
  sums[thread] = sum;
  __syncthreads();
  if (thread == 0) {
    auto rank = static_cast<unsigned long long>(search->rank);
    int stretch = 0;
    while (rank >= sums[stretch]) rank -= sums[stretch++];
    int bin = stretch * kStretch;
    while (rank >= search->bins[bin]) rank -= search->bins[bin++];
    search->equal = search->bins[bin];
    search->rank = static_cast<long long>(rank);
    search->prefix = search->prefix << digit_bits | static_cast<unsigned long long>(bin);
  }
  __syncthreads();
  for (int k = 0; k < kStretch; ++k) search->bins[thread * kStretch + k] = 0;
}

template <class T>
sprat_status select(const sprat_prune_array* arrays, int64_t num_arrays, Search* search, void* stream) {
  constexpr int64_t kMostGrid = 1024, kPerBlock = 16 * cuda::kThreads;
  for (int digit = 0; digit < Digits<T>::kCount; ++digit) {
    const int shift = Digits<T>::shift(digit);
    const int above = digit == 0 ? Digits<T>::kBits : Digits<T>::shift(digit - 1);
    for (int64_t a = 0; a < num_arrays; ++a) {
      const int64_t blocks = cuda::blocks_for(arrays[a].length, kPerBlock);
      const auto grid = static_cast<unsigned>(blocks < kMostGrid ? blocks : kMostGrid);
      SPRAT_RETURN_IF_REFUSED(cuda::launch(add_histogram<T>, grid, cuda::kThreads, stream,
                                           static_cast<const T*>(arrays[a].x), arrays[a].length, shift, above, search));
    }
    SPRAT_RETURN_IF_REFUSED(cuda::launch(take_digit, 1, cuda::kThreads, stream, above - shift, search));
  }
  return SPRAT_OK;
}

SPRAT_ISA_END

namespace sprat::cuda {

sprat_status magnitude_of_rank(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays, int64_t rank,
                               RankedMagnitude* found, void* stream) {
  Scratch scratch(stream);
  SPRAT_RETURN_IF_REFUSED(scratch.allocate(sizeof(Search)));
  auto* const search = scratch.as<Search>();
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(search, 0, sizeof(Search), stream));
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_copy(&search->rank, &rank, sizeof rank, stream));
  SPRAT_RETURN_IF_REFUSED(dtype == SPRAT_FLOAT32 ? select<float>(arrays, num_arrays, search, stream)
                                                 : select<double>(arrays, num_arrays, search, stream));
  struct {
    unsigned long long prefix;
    long long rank;
    unsigned long long equal;
  } head;
  static_assert(sizeof head == offsetof(Search, bins));
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_copy(&head, search, sizeof head, stream));
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_synchronize(stream));
  *found = {head.prefix, head.rank, static_cast<int64_t>(head.equal)};
  return SPRAT_OK;
}

}  // namespace sprat::cuda
