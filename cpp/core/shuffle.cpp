#include "core/shuffle.h"

#include <utility>

#include "core/rng.h"

namespace sprat {

// Fisher and Yates, as Durstenfeld 1964: for i = n - 1 ... 1 swap element i with element j, 0 <= j <= i. The draw for
// i is element i of the stream.
void permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = i;
  const Philox generator(seed);
  RandomBlock block = {};
  int64_t block_index = -1;
  for (int64_t i = n - 1; i > 0; --i) {
    if (i / 2 != block_index) {
      block_index = i / 2;
      block = generator.block(stream, static_cast<uint64_t>(block_index));
    }
    const uint64_t word = block.word64(static_cast<int>(i % 2));
    std::swap(out[i], out[bounded(word, static_cast<uint64_t>(i) + 1)]);
  }
}

}  // namespace sprat
