// A sum of doubles rounded once: the result does not depend on the order, and is that of Python's math.fsum.
#pragma once

#include <cmath>
#include <utility>

namespace sprat {

// Shewchuk 1997, "Adaptive precision floating-point arithmetic": the sum so far is that of `count_` partials that share
// no bit, smallest first. Numbers whose sum is exact in a double keep it at one partial.
class ExactSum {
 public:
  void add(double x) {
    int kept = 0;
    for (int i = 0; i < count_; ++i) {
      double y = partials_[i];
      if (std::fabs(x) < std::fabs(y)) std::swap(x, y);
      const double high = x + y, low = y - (high - x);
      if (low != 0) partials_[kept++] = low;
      x = high;
    }
    if (!std::isfinite(x)) kept = 0;  // nothing else matters any more
    if (x != 0) partials_[kept++] = x;
    count_ = kept;
  }

  // Infinite or NaN where the numbers were, or where they exceed a double.
  double rounded() const {
    if (count_ == 0) return 0;
    int i = count_ - 1;
    double high = partials_[i], low = 0;
    while (i > 0 && low == 0) {
      const double x = high, y = partials_[--i];
      high = x + y;
      low = y - (high - x);
    }
    // Half a unit, and more below it: away from zero, not to even.
    const bool more = i > 0 && ((low < 0 && partials_[i - 1] < 0) || (low > 0 && partials_[i - 1] > 0));
    const double away = high + 2 * low;
    return more && away - high == 2 * low ? away : high;
  }

 private:
  static constexpr int kMost = 64;  // 2098 bits from the largest to the least double, 53 in each partial; and some
  double partials_[kMost];
  int count_ = 0;
};

}  // namespace sprat
