// Pruning by threshold and by rank of magnitude, over several arrays in few launches.
#include "api/prune_checks.h"
#include "cuda/launch.h"
#include "cuda/magnitude_rank.h"
#include "cuda/pack.h"
#include "cuda/scratch.h"
#include "formulas/prune/threshold.h"

SPRAT_ISA_BEGIN

struct PruneArrays {
  static constexpr int kMost = 64;
  int count = 0;
  uint32_t num_blocks = 0;
  struct {
    void* x;
    uint8_t* mask;
    int64_t length;
    uint32_t first_block;
    bool packs;
  } at[kMost];

  __device__ int of_block(uint32_t block) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (at[middle].first_block <= block) low = middle;
      else high = middle;
    }
    return low;
  }
};

// What is not above `bound` goes. Of elements whose magnitude is just `tie`, above the bound, those that are among the
// first `tie_limit` of all go too; ties[b] tells how many come before block b of all launches.
template <class T>
struct PruneRule {
  T bound;
  T tie;
  unsigned long long tie_limit;    // 0: there are no ties to look for
  const unsigned long long* ties;  // of the blocks of this launch
  unsigned long long* pruned;      // NULL: nobody wants to know how many
};

template <class T>
__device__ SPRAT_INLINE bool is_tie(T x, const PruneRule<T>& rule) {
  return abs(x) == rule.tie;
}

// In order: each round gives every thread one element, and counts the ties of the threads before it.
template <class T>
__device__ unsigned prune_in_order(T* x, uint8_t* mask, int64_t begin, int64_t length, const PruneRule<T>& rule,
                                   unsigned long long before) {
  __shared__ unsigned ties_of_warp[cuda::kThreads / 32];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  unsigned pruned = 0;
  const int64_t end = length - begin < kChunk<T> ? length : begin + kChunk<T>;
  for (int64_t first = begin; first < end; first += cuda::kThreads) {
    const int64_t i = first + thread;
    const T value = i < end ? x[i] : T(0);
    const bool tie = i < end && is_tie(value, rule);
    const unsigned votes = __ballot_sync(0xffffffffu, tie);
    if (thread % 32 == 0) ties_of_warp[warp] = static_cast<unsigned>(__popc(votes));
    __syncthreads();
    unsigned long long rank = before + static_cast<unsigned>(__popc(votes & ((1u << thread % 32) - 1u)));
    for (int w = 0; w < cuda::kThreads / 32; ++w) {
      if (w < warp) rank += ties_of_warp[w];
      before += ties_of_warp[w];
    }
    __syncthreads();
    if (i >= end) continue;
    const bool keep = keep_magnitude(value, rule.bound) && !(tie && rank < rule.tie_limit);
    if (!keep) x[i] = T(0);
    if (mask) mask[i] = keep;
    pruned += !keep;
  }
  return pruned;
}

template <class T>
__device__ SPRAT_INLINE unsigned prune_chunk(T* x, uint8_t* mask, int64_t begin, int64_t length, bool packs, T bound) {
  unsigned pruned = 0;
  for_chunk<T>(
      begin, length, packs,
      [&](int64_t i) {
        Pack<T> values = load_pack<Pack<T>>(x + i);
        PackOfBytes<T> keeps;
        for (int k = 0; k < Pack<T>::kCount; ++k) {
          const bool keep = keep_magnitude(values.at[k], bound);
          values.at[k] = select(keep, values.at[k], T(0));
          keeps.at[k] = keep;
          pruned += !keep;
        }
        store_pack(x + i, values);
        if (mask) store_pack(mask + i, keeps);
      },
      [&](int64_t i) {
        const bool keep = keep_magnitude(x[i], bound);
        if (!keep) x[i] = T(0);
        if (mask) mask[i] = keep;
        pruned += !keep;
      });
  return pruned;
}

template <class T>
__global__ void __launch_bounds__(cuda::kThreads) prune(PruneArrays arrays, PruneRule<T> rule) {
  const auto& array = arrays.at[arrays.of_block(blockIdx.x)];
  const int64_t begin = int64_t{blockIdx.x - array.first_block} * kChunk<T>;
  T* const x = static_cast<T*>(array.x);
  const unsigned long long before = rule.tie_limit > 0 ? rule.ties[blockIdx.x] : 0;
  unsigned pruned;
  if (before >= rule.tie_limit) {  // no tie of this block goes
    pruned = prune_chunk(x, array.mask, begin, array.length, array.packs, rule.bound);
  } else if (rule.ties[blockIdx.x + 1] <= rule.tie_limit) {  // all of them
    pruned = prune_chunk(x, array.mask, begin, array.length, array.packs, rule.tie);
  } else {
    pruned = prune_in_order(x, array.mask, begin, array.length, rule, before);
  }
  if (!rule.pruned) return;
  for (int lanes = 16; lanes > 0; lanes /= 2) pruned += __shfl_xor_sync(0xffffffffu, pruned, lanes);
  if (threadIdx.x % 32 == 0 && pruned > 0) atomicAdd(rule.pruned, static_cast<unsigned long long>(pruned));
}

// ties[b + 1] = how many of block b; ties must be zeros.
template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    count_ties(PruneArrays arrays, PruneRule<T> rule, unsigned long long* ties) {
  const auto& array = arrays.at[arrays.of_block(blockIdx.x)];
  const int64_t begin = int64_t{blockIdx.x - array.first_block} * kChunk<T>;
  const int64_t end = array.length - begin < kChunk<T> ? array.length : begin + kChunk<T>;
  const T* x = static_cast<const T*>(array.x);
  unsigned found = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += cuda::kThreads) found += is_tie(x[i], rule);
  for (int lanes = 16; lanes > 0; lanes /= 2) found += __shfl_xor_sync(0xffffffffu, found, lanes);
  if (threadIdx.x % 32 == 0 && found > 0) atomicAdd(&ties[blockIdx.x + 1], static_cast<unsigned long long>(found));
}

// Running sums of values[0 ... n), in place: one block, each thread a stretch.
__global__ void __launch_bounds__(cuda::kThreads) sum_up(unsigned long long* values, int64_t n) {
  __shared__ unsigned long long sums[cuda::kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t stretch = (n + cuda::kThreads - 1) / cuda::kThreads;
  const int64_t begin = thread * stretch, end = begin + stretch < n ? begin + stretch : n;
  unsigned long long sum = 0;
  for (int64_t i = begin; i < end; ++i) sum += values[i];
  sums[thread] = sum;
  __syncthreads();
  sum = 0;
  for (int t = 0; t < thread; ++t) sum += sums[t];
  for (int64_t i = begin; i < end; ++i) values[i] = sum += values[i];
}

// run(list, first): lists of arrays that fit a launch; `first` is the number of blocks before its own.
template <class T, class Run>
sprat_status for_each_launch(const sprat_prune_array* arrays, int64_t num_arrays, const Run& run) {
  PruneArrays list;
  int64_t first = 0;
  const auto flush = [&] {
    const sprat_status status = run(list, first);
    first += list.num_blocks;
    list.count = 0;
    list.num_blocks = 0;
    return status;
  };
  for (int64_t a = 0; a < num_arrays; ++a) {
    if (arrays[a].length == 0) continue;
    if (list.count == PruneArrays::kMost) SPRAT_RETURN_IF_REFUSED(flush());
    list.at[list.count++] = {arrays[a].x, arrays[a].mask, arrays[a].length, list.num_blocks,
                             allow_packs<T>(arrays[a].x) && allow_byte_packs<T>(arrays[a].mask)};
    list.num_blocks += static_cast<uint32_t>(cuda::blocks_for(arrays[a].length, kChunk<T>));
  }
  return flush();
}

template <class T>
sprat_status prune_all(const sprat_prune_array* arrays, int64_t num_arrays, const PruneRule<T>& rule, void* stream) {
  return for_each_launch<T>(arrays, num_arrays, [&](const PruneArrays& list, int64_t first) {
    PruneRule<T> own = rule;
    if (own.ties) own.ties += first;
    return cuda::launch(prune<T>, list.num_blocks, cuda::kThreads, stream, list, own);
  });
}

template <class T>
sprat_status prune_ties(const sprat_prune_array* arrays, int64_t num_arrays, PruneRule<T> rule, void* stream) {
  int64_t blocks = 0;
  for (int64_t a = 0; a < num_arrays; ++a) blocks += cuda::blocks_for(arrays[a].length, kChunk<T>);
  cuda::Scratch scratch(stream);
  const int64_t bytes = (blocks + 1) * int64_t{sizeof(unsigned long long)};
  SPRAT_RETURN_IF_REFUSED(scratch.allocate(bytes));
  auto* const ties = scratch.as<unsigned long long>();
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(ties, 0, bytes, stream));
  SPRAT_RETURN_IF_REFUSED(for_each_launch<T>(arrays, num_arrays, [&](const PruneArrays& list, int64_t first) {
    return cuda::launch(count_ties<T>, list.num_blocks, cuda::kThreads, stream, list, rule, ties + first);
  }));
  SPRAT_RETURN_IF_REFUSED(cuda::launch(sum_up, 1, cuda::kThreads, stream, ties, blocks + 1));
  rule.ties = ties;
  return prune_all(arrays, num_arrays, rule, stream);
}

template <class T>
sprat_status prune_threshold(const sprat_prune_array& array, double bound, int64_t* pruned, void* stream) {
  cuda::Scratch scratch(stream);
  PruneRule<T> rule{static_cast<T>(bound), T(0), 0, nullptr, nullptr};
  if (pruned) {
    SPRAT_RETURN_IF_REFUSED(scratch.allocate(sizeof(unsigned long long)));
    rule.pruned = scratch.as<unsigned long long>();
    SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(rule.pruned, 0, sizeof *rule.pruned, stream));
  }
  SPRAT_RETURN_IF_REFUSED(prune_all(&array, 1, rule, stream));
  if (!pruned) return SPRAT_OK;
  unsigned long long found = 0;
  SPRAT_RETURN_IF_REFUSED(cuda::fetch(&found, rule.pruned, stream));
  *pruned = static_cast<int64_t>(found);
  return SPRAT_OK;
}

template <class T>
sprat_status prune_up_to_rank(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                              const RankedMagnitude& last, void* stream) {
  const T bound = static_cast<T>(magnitude_from_bits(dtype, last.bits));
  if (last.before + 1 == last.equal)
    return prune_all(arrays, num_arrays, PruneRule<T>{bound, T(0), 0, nullptr, nullptr}, stream);
  const T before = static_cast<T>(magnitude_before(dtype, last.bits));
  const auto limit = static_cast<unsigned long long>(last.before + 1);
  return prune_ties(arrays, num_arrays, PruneRule<T>{before, bound, limit, nullptr, nullptr}, stream);
}

SPRAT_ISA_END

sprat_status sprat_cuda_prune_threshold(sprat_dtype dtype, const sprat_prune_array* array, double threshold,
                                        int64_t* pruned, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_prune_threshold(dtype, array, threshold));
  const double bound = threshold_bound(dtype, threshold);
  return dtype == SPRAT_FLOAT32 ? prune_threshold<float>(*array, bound, pruned, stream)
                                : prune_threshold<double>(*array, bound, pruned, stream);
}

sprat_status sprat_cuda_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                                       int64_t count, double* threshold, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_prune_smallest(dtype, arrays, num_arrays, count));
  if (threshold) *threshold = 0;
  if (count == 0) {
    // Nothing goes, but the masks are written.
    return dtype == SPRAT_FLOAT32
               ? prune_all(arrays, num_arrays, PruneRule<float>{-1, 0, 0, nullptr, nullptr}, stream)
               : prune_all(arrays, num_arrays, PruneRule<double>{-1, 0, 0, nullptr, nullptr}, stream);
  }
  RankedMagnitude last;
  SPRAT_RETURN_IF_REFUSED(cuda::magnitude_of_rank(dtype, arrays, num_arrays, count - 1, &last, stream));
  const double bound = magnitude_from_bits(dtype, last.bits);
  SPRAT_REQUIRE(bound == bound, "count: there are not %lld elements that are not NaN", shown(count));
  SPRAT_RETURN_IF_REFUSED(dtype == SPRAT_FLOAT32 ? prune_up_to_rank<float>(dtype, arrays, num_arrays, last, stream)
                                                 : prune_up_to_rank<double>(dtype, arrays, num_arrays, last, stream));
  if (threshold) *threshold = bound;
  return SPRAT_OK;
}
