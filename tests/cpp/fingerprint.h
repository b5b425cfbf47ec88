// A fingerprint of the bits of many numbers: tests on x86 and on NEON compare with the same constant.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace check {

// FNV-1a. The numbers must not be NaN: which NaN comes out is not promised.
template <class T>
uint64_t fingerprint(const std::vector<T>& numbers, uint64_t hash = 0xcbf29ce484222325u) {
  for (const T& number : numbers) {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &number, sizeof(T));
    for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  }
  return hash;
}

// Numbers in [-scale, scale), the same everywhere.
template <class T>
std::vector<T> spread(int64_t n, double scale) {
  std::vector<T> numbers(static_cast<size_t>(n));
  uint64_t state = 20261122;
  for (T& number : numbers) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    number = static_cast<T>((static_cast<double>(state >> 40) / (1 << 23) - 1) * scale);
  }
  return numbers;
}

}  // namespace check
