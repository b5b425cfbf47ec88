#include "core/random_fill.h"

#include "core/normal.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace sprat {
namespace {

constexpr int64_t kGrain = 4096;

// out[i] = make(block, lane) where element offset + i of the stream is lane `lane` of its block.
template <int kLanesPerBlock, class T, class Make>
void fill(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, T* out, Make make) {
  const Philox generator(seed);
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const uint64_t index = offset + static_cast<uint64_t>(i);
      const RandomBlock block = generator.block(stream, index / kLanesPerBlock);
      int lane = static_cast<int>(index % kLanesPerBlock);
      for (; lane < kLanesPerBlock && i < end; ++lane, ++i) out[i] = make(block, lane);
    }
  });
}

template <class T>
void fill_normal_as(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double mean, double std, T* out) {
  fill<2>(seed, stream, offset, n, out, [=](const RandomBlock& block, int lane) {
    return static_cast<T>(mean + std * standard_normal(block.word64(lane)));
  });
}

}  // namespace

void fill_uniform(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, float low, float high, float* out) {
  fill<4>(seed, stream, offset, n, out, [=](const RandomBlock& block, int lane) {
    return uniform_between(low, high, uniform_float(block.word[lane]));
  });
}

void fill_uniform(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double low, double high, double* out) {
  fill<2>(seed, stream, offset, n, out, [=](const RandomBlock& block, int lane) {
    return uniform_between(low, high, uniform_double(block.word64(lane)));
  });
}

void fill_normal(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double mean, double std, float* out) {
  fill_normal_as(seed, stream, offset, n, mean, std, out);
}

void fill_normal(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double mean, double std, double* out) {
  fill_normal_as(seed, stream, offset, n, mean, std, out);
}

}  // namespace sprat
