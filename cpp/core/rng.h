// Counter-based random numbers: (seed, stream, index) gives the bits, on every machine and in every order.
//
// Philox4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. Ten rounds of
//   (c0, c1, c2, c3) -> (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)),   (k0, k1) += (W0, W1)
// turn a 128-bit counter into 128 random bits under a 64-bit key. There is no state to lock, to save or to split.
#pragma once

#include <cstdint>

#include "core/macros.h"

SPRAT_ISA_BEGIN

struct RandomBlock {
  uint32_t word[4];
  // The first or the second half of the block, low word first.
  SPRAT_HD uint64_t word64(int half) const { return half == 0 ? join(word[0], word[1]) : join(word[2], word[3]); }
  SPRAT_HD static uint64_t join(uint32_t low, uint32_t high) { return static_cast<uint64_t>(high) << 32 | low; }
};

struct Philox {
  uint32_t key0, key1;

  SPRAT_HD explicit constexpr Philox(uint64_t seed)
      : key0(static_cast<uint32_t>(seed)), key1(static_cast<uint32_t>(seed >> 32)) {}

  // Four independent random words. Streams tell uses apart (initialisation, dropout, shuffling ...), index counts
  // within one. As in the paper's tests, the counter is (index low, index high, stream low, stream high).
  SPRAT_HD RandomBlock block(uint64_t stream, uint64_t index) const {
    uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32);
    uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
    uint32_t k0 = key0, k1 = key1;
    for (int round = 0; round < 10; ++round) {
      const uint64_t product0 = static_cast<uint64_t>(0xD2511F53u) * c0;
      const uint64_t product1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
      c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
      c1 = static_cast<uint32_t>(product1);
      c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
      c3 = static_cast<uint32_t>(product0);
      k0 += 0x9E3779B9u;  // golden ratio
      k1 += 0xBB67AE85u;  // sqrt(3) - 1
    }
    return {{c0, c1, c2, c3}};
  }
};

// Multiples of 2^-24 in [0, 1): exact in float32, and never rounded up to 1.
SPRAT_HD inline float uniform_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

// Multiples of 2^-53 in [0, 1).
SPRAT_HD inline double uniform_double(uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }

// low + (high - low) u for u in [0, 1). Rounding may reach `high`.
template <class T>
SPRAT_HD inline T uniform_between(T low, T high, T u) {
  return low + (high - low) * u;
}

// A whole number in [0, n), n >= 1: the high half of the 128-bit product word * n (Lemire 2019, without his
// rejection, so that every index consumes the same 64 bits). Each value's chance differs from 1 / n by less than
// 2^-64: for n = 10^9 one would need some 10^28 draws to notice.
SPRAT_HD inline uint64_t bounded(uint64_t word, uint64_t n) {
  __extension__ typedef unsigned __int128 Uint128;
  return static_cast<uint64_t>(static_cast<Uint128>(word) * n >> 64);
}

// Element `index` of the uniform sequence of a stream: four floats, or two doubles, share a block.
SPRAT_HD inline float uniform_float_at(Philox generator, uint64_t stream, uint64_t index) {
  return uniform_float(generator.block(stream, index / 4).word[index % 4]);
}
SPRAT_HD inline uint64_t random64_at(Philox generator, uint64_t stream, uint64_t index) {
  return generator.block(stream, index / 2).word64(static_cast<int>(index % 2));
}
SPRAT_HD inline double uniform_double_at(Philox generator, uint64_t stream, uint64_t index) {
  return uniform_double(random64_at(generator, stream, index));
}

SPRAT_ISA_END
