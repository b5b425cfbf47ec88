// Random orders, the same on every machine.
#pragma once

#include <cstdint>

namespace sprat {

// Writes a random order of 0 ... n - 1, every order equally likely up to the 2^-64 of `bounded` per swap. Depends on
// (seed, stream, n) only. Serial: about as fast as memory allows once n * 8 bytes leave the cache.
void permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t* out);

}  // namespace sprat
