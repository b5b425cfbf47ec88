// Smallest and largest finite number of each channel. Minimum and maximum do not depend on the order they are taken in:
// every warp leaves its own by integer atomics.
#include "api/quantize_checks.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "formulas/quantize/value_range.h"

SPRAT_ISA_BEGIN

// Doubles as integers of the same order: negative ones count backwards.
__device__ SPRAT_INLINE long long ordered(double x) {
  const int64_t bits = to_bits(x);
  return bits < 0 ? bits ^ INT64_MAX : bits;
}
__device__ SPRAT_INLINE double from_ordered(long long key) {
  return from_bits<double>(key < 0 ? key ^ INT64_MAX : key);
}

struct ChannelRange {
  long long low, high;  // ordered()
};

__global__ void __launch_bounds__(cuda::kThreads)
    clear_ranges(ChannelRange* ranges, int64_t channels, unsigned long long* non_finite) {
  const int64_t c = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x;
  if (c == 0) *non_finite = 0;
  if (c < channels) ranges[c] = {ordered(kInfinity<double>), ordered(-kInfinity<double>)};
}

template <class T>
__device__ void leave(const ValueRange<T>& own, ChannelRange* range, unsigned long long* non_finite) {
  atomicMin(&range->low, ordered(double{own.low} + 0.0));  // -0 becomes 0
  atomicMax(&range->high, ordered(double{own.high} + 0.0));
  if (own.non_finite > 0) atomicAdd(non_finite, static_cast<unsigned long long>(own.non_finite));
}

// Long rows: the threads of a block lie along them. blockIdx.x: channel, blockIdx.y: a share of its rows and elements.
template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    range_of_rows(const T* x, int64_t outer, int64_t channels, int64_t inner, ChannelRange* ranges,
                  unsigned long long* non_finite) {
  const int64_t c = blockIdx.x, stride = int64_t{gridDim.y} * cuda::kThreads;
  ValueRange<T> own;
  for (int64_t o = 0; o < outer; ++o) {
    const T* row = x + (o * channels + c) * inner;
    for (int64_t i = int64_t{blockIdx.y} * cuda::kThreads + threadIdx.x; i < inner; i += stride) own.add(row[i]);
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const T low = __shfl_xor_sync(0xffffffffu, own.low, lanes), high = __shfl_xor_sync(0xffffffffu, own.high, lanes);
    const auto found = static_cast<long long>(own.non_finite);
    merge(own, low, high, __shfl_xor_sync(0xffffffffu, found, lanes));
  }
  if (threadIdx.x % 32 == 0) leave(own, ranges + c, non_finite);
}

// Short rows: a thread for each channel, neighbours side by side. blockIdx.y: a share of the rows.
template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    range_of_columns(const T* x, int64_t outer, int64_t channels, int64_t inner, ChannelRange* ranges,
                     unsigned long long* non_finite) {
  const int64_t c = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x;
  if (c >= channels) return;
  ValueRange<T> own;
  for (int64_t o = blockIdx.y; o < outer; o += gridDim.y) {
    for (int64_t i = 0; i < inner; ++i) own.add(x[(o * channels + c) * inner + i]);
  }
  leave(own, ranges + c, non_finite);
}

template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    write_ranges(const ChannelRange* ranges, int64_t channels, T* low, T* high) {
  const int64_t c = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x;
  if (c >= channels) return;
  low[c] = static_cast<T>(from_ordered(ranges[c].low));
  high[c] = static_cast<T>(from_ordered(ranges[c].high));
}

template <class T>
sprat_status find_ranges(int64_t outer, int64_t channels, int64_t inner, const T* x, T* low, T* high,
                         ChannelRange* ranges, unsigned long long* non_finite, void* stream) {
  using cuda::kThreads;
  constexpr int64_t kLongRow = 32, kMostShares = 1024, kPerShare = 8;
  const auto each = static_cast<unsigned>(cuda::blocks_for(channels, kThreads));
  SPRAT_RETURN_IF_REFUSED(cuda::launch(clear_ranges, each, kThreads, stream, ranges, channels, non_finite));
  const auto shares = [](int64_t work) {
    return static_cast<unsigned>(work < 1 ? 1 : work > kMostShares ? kMostShares : work);
  };
  if (outer > 0 && inner >= kLongRow) {
    const dim3 grid(static_cast<unsigned>(channels), shares(inner / (kThreads * kPerShare)));
    SPRAT_RETURN_IF_REFUSED(
        cuda::launch(range_of_rows<T>, grid, kThreads, stream, x, outer, channels, inner, ranges, non_finite));
  } else if (outer > 0 && inner > 0) {
    const dim3 grid(each, shares(outer / kPerShare));
    SPRAT_RETURN_IF_REFUSED(
        cuda::launch(range_of_columns<T>, grid, kThreads, stream, x, outer, channels, inner, ranges, non_finite));
  }
  return cuda::launch(write_ranges<T>, each, kThreads, stream, static_cast<const ChannelRange*>(ranges), channels, low,
                      high);
}

SPRAT_ISA_END

sprat_status sprat_cuda_value_range(sprat_dtype real, int64_t outer, int64_t channels, int64_t inner, const void* x,
                                    void* low, void* high, int64_t* non_finite, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_value_range(real, outer, channels, inner, x, low, high));
  cuda::Scratch scratch(stream);
  SPRAT_RETURN_IF_REFUSED(
      scratch.allocate(channels * int64_t{sizeof(ChannelRange)} + int64_t{sizeof(unsigned long long)}));
  auto* const ranges = scratch.as<ChannelRange>();
  auto* const count = reinterpret_cast<unsigned long long*>(ranges + channels);
  if (channels == 1) {  // one row
    inner *= outer;
    outer = 1;
  }
  const auto run = [&]<class T>(T) {
    return find_ranges(outer, channels, inner, static_cast<const T*>(x), static_cast<T*>(low), static_cast<T*>(high),
                       ranges, count, stream);
  };
  SPRAT_RETURN_IF_REFUSED(real == SPRAT_FLOAT32 ? run(float{}) : run(double{}));
  if (!non_finite) return SPRAT_OK;
  unsigned long long found = 0;
  SPRAT_RETURN_IF_REFUSED(cuda::fetch(&found, count, stream));
  *non_finite = static_cast<int64_t>(found);
  return SPRAT_OK;
}
