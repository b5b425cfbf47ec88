// Numbers that find mistakes in floating-point code, and a comparison lane by lane. Shared by the tests of simd/.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "simd/vec.h"

// Zeros, denormals, the ends of the range, ties between integers, the last number with a fraction, infinities, NaN.
template <class T>
std::vector<T> edge_values() {
  using Limits = std::numeric_limits<T>;
  const T last_fraction = std::ldexp(T(1), Limits::digits - 1);
  std::vector<T> values = {0, Limits::denorm_min(), 3 * Limits::denorm_min(), Limits::min(), Limits::epsilon(), 1, 3};
  for (T x : {T(0.25), T(0.5), T(1.5), T(2.5), T(3.5), last_fraction - T(0.5), last_fraction, last_fraction + 1}) {
    values.insert(values.end(), {x, std::nextafter(x, T(0)), std::nextafter(x, Limits::infinity())});
  }
  values.insert(values.end(), {Limits::max(), Limits::max() / 2, Limits::infinity(), Limits::quiet_NaN()});
  for (size_t i = 0, n = values.size(); i < n; ++i) values.push_back(-values[i]);
  return values;
}

// Any bit pattern; every other call a number of ordinary size.
template <class T>
class Samples {
 public:
  T any() {
    const uint64_t word = generator_();
    if (word & 1) return sprat::from_bits<T>(static_cast<sprat::IntOf<T>>(word));
    return ordinary();
  }
  T ordinary() { return static_cast<T>(static_cast<int64_t>(generator_()) >> 40) / 65536; }
  uint64_t bits() { return generator_(); }

 private:
  std::mt19937_64 generator_{20};
};

// Lane i of `actual` has the bits of expected(i).
template <class T, class F>
void check_lanes(sprat::Vec<T> actual, F expected) {
  T lanes[sprat::kLanes<sprat::Vec<T>>];
  actual.store(lanes);
  for (int i = 0; i < sprat::kLanes<sprat::Vec<T>>; ++i) {
    if constexpr (std::is_integral_v<T>) {
      CHECK_EQ(lanes[i], static_cast<T>(expected(i)));
    } else {
      CHECK_SAME_BITS(lanes[i], static_cast<T>(expected(i)));
    }
  }
}
