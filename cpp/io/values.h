// What is asked of the numbers of a file: by their bits, so that no floating-point mode of the caller has a say.
#pragma once

#include <cstdint>
#include <cstring>

namespace sprat::io {

// Numbers of so many bits with so many for the mantissa.
template <class Bits, int kMantissa>
struct Real {
  static constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  static constexpr Bits kInfinity = static_cast<Bits>((kSign - 1) & ~((Bits{1} << kMantissa) - 1));
  static bool is_finite(Bits bits) { return (bits & kInfinity) != kInfinity; }
  static bool is_zero(Bits bits) { return (bits & ~kSign) == 0; }
  static bool is_positive(Bits bits) { return !is_zero(bits) && (bits & kSign) == 0; }
};
using Float64 = Real<uint64_t, 52>;
using Float32 = Real<uint32_t, 23>;
using Float16 = Real<uint16_t, 10>;
using BFloat16 = Real<uint16_t, 7>;

// Calls check(bits of element) for each; false as soon as it answers false.
template <class Bits, class Check>
bool all_of(const void* array, int64_t length, Check check) {
  for (int64_t i = 0; i < length; ++i) {
    Bits bits;
    std::memcpy(&bits, static_cast<const char*>(array) + i * static_cast<int64_t>(sizeof bits), sizeof bits);
    if (!check(bits)) return false;
  }
  return true;
}

// Bits of uint8, the first in the lowest.
inline int64_t num_bit_bytes(int64_t length) { return length / 8 + (length % 8 != 0); }
inline bool bit(const uint8_t* bits, int64_t i) { return bits[i / 8] >> (i % 8) & 1; }
// Whether those beyond the last are 0.
inline bool ends_clean(const uint8_t* bits, int64_t length) {
  return length % 8 == 0 || bits[length / 8] >> (length % 8) == 0;
}

}  // namespace sprat::io
