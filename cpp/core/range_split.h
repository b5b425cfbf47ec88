// How parallel_run cuts [0, n) into ranges.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sprat {

struct Range {
  int64_t begin, end;
};

// [0, n) as `parts` contiguous ranges that begin at multiples of grain and differ by at most one grain.
// Wants 1 <= grain, 1 <= parts <= units().
struct RangeSplit {
  int64_t n = 0, grain = 1;
  int parts = 1;

  int64_t units() const { return n / grain + (n % grain != 0); }

  Range range(int part) const {
    const int64_t quotient = units() / parts, remainder = units() % parts;
    const auto edge = [&](int64_t p) {
      const int64_t unit = p * quotient + std::min(p, remainder);
      return unit > n / grain ? n : unit * grain;  // compared before multiplying: unit * grain may pass 2^63
    };
    return {edge(part), part + 1 == parts ? n : edge(part + 1)};
  }
};

}  // namespace sprat
