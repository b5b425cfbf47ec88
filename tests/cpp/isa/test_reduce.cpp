// The lanes of kernels/reduce.h: element i of the line goes to lane i mod 16, in ascending order, whatever the register
// width, the place where an array begins and where the line is cut.
#include "kernels/reduce.h"

#include "samples.h"

namespace sprat::SPRAT_ISA {
extern const ReduceKernels reduce_kernels;
}

namespace sprat {
namespace {

const ReduceKernels& table = SPRAT_ISA::reduce_kernels;

template <class T>
std::vector<T> random_values(int64_t length) {
  Samples<T> samples;
  std::vector<T> values(static_cast<size_t>(length));
  for (T& x : values) x = samples.ordinary();
  return values;
}

template <class T>
void check_sums_of_squares() {
  constexpr bool kDouble = sizeof(T) == 8;
  const std::vector<T> x = random_values<T>(300);
  for (int64_t length = 0; length <= 100; ++length) {
    for (const int64_t offset : {0, 1, 5, 15, 16, 31}) {
      for (const int64_t start : {0, 1, 3}) {  // of the array: not aligned to a register
        double squares[16], expected[16];
        for (int lane = 0; lane < 16; ++lane) squares[lane] = expected[lane] = lane;
        for (int64_t i = 0; i < length; ++i) {
          const double value = static_cast<double>(x[static_cast<size_t>(start + i)]);
          expected[(offset + i) % 16] += value * value;
        }
        table.sum_of_squares[kDouble](x.data() + start, nullptr, length, offset, squares);
        for (int lane = 0; lane < 16; ++lane) CHECK_SAME_BITS(squares[lane], expected[lane]);
      }
    }
  }
  // Cut anywhere, the lanes are the same.
  double whole[16] = {}, cut[16] = {};
  table.sum_of_squares[kDouble](x.data(), nullptr, 300, 7, whole);
  for (int64_t begin = 0, piece = 1; begin < 300; begin += piece++) {
    const int64_t n = begin + piece < 300 ? piece : 300 - begin;
    table.sum_of_squares[kDouble](x.data() + begin, nullptr, n, 7 + begin, cut);
  }
  for (int lane = 0; lane < 16; ++lane) CHECK_SAME_BITS(cut[lane], whole[lane]);
}

// What a mask hides is 0, even if it is NaN.
template <class T>
void check_masks() {
  constexpr bool kDouble = sizeof(T) == 8;
  std::vector<T> zeroed = random_values<T>(300), spoiled = zeroed;
  std::vector<uint8_t> mask(zeroed.size(), 1);
  for (size_t i = 0; i < mask.size(); i += 1 + i % 5) {
    mask[i] = 0;
    zeroed[i] = 0;
    spoiled[i] = std::numeric_limits<T>::quiet_NaN();
  }
  for (const int64_t length : {0, 1, 15, 16, 40, 299}) {
    double expected[16] = {}, masked[16] = {};
    table.sum_of_squares[kDouble](zeroed.data() + 1, nullptr, length, 3, expected);
    table.sum_of_squares[kDouble](spoiled.data() + 1, mask.data() + 1, length, 3, masked);
    for (int lane = 0; lane < 16; ++lane) CHECK_SAME_BITS(masked[lane], expected[lane]);
    CHECK_EQ(table.count_nonfinite[kDouble](spoiled.data() + 1, mask.data() + 1, length), 0);
  }
}

template <class T>
void check_count_nonfinite() {
  constexpr bool kDouble = sizeof(T) == 8;
  using Limits = std::numeric_limits<T>;
  CHECK_EQ(table.count_nonfinite[kDouble](nullptr, nullptr, 0), 0);
  for (size_t length = 1; length <= 70; ++length) {
    for (size_t at = 0; at < length; at += 1 + length / 9) {
      std::vector<T> x(length, T(-0.5));
      x[at] = T(-3);
      CHECK_EQ(table.count_nonfinite[kDouble](x.data(), nullptr, static_cast<int64_t>(length)), 0);
      x[at] = -Limits::infinity();
      CHECK_EQ(table.count_nonfinite[kDouble](x.data(), nullptr, static_cast<int64_t>(length)), 1);
      x[at] = Limits::quiet_NaN();
      CHECK_EQ(table.count_nonfinite[kDouble](x.data(), nullptr, static_cast<int64_t>(length)), 1);
      x[at] = Limits::max();
      CHECK_EQ(table.count_nonfinite[kDouble](x.data(), nullptr, static_cast<int64_t>(length)), 0);
    }
  }
}

template <class T>
void check_all_below() {
  constexpr bool kDouble = sizeof(T) == 8;
  using Limits = std::numeric_limits<T>;
  const auto below = [](const std::vector<T>& x, double bound) {
    return table.all_below[kDouble](x.data(), static_cast<int64_t>(x.size()), bound);
  };
  for (size_t length = 0; length <= 70; ++length) {
    CHECK(below(std::vector<T>(length, T(-2)), 2.5));
    for (size_t at = 0; at < length; at += 1 + length / 9) {
      for (const T large : {T(3), T(-2.5), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
        std::vector<T> x(length, T(2));
        x[at] = large;
        CHECK(!below(x, 2.5));
      }
    }
  }
}

}  // namespace
}  // namespace sprat

int main() {
  if (!check::cpu_runs_this_build()) return check::kSkipped;
  sprat::check_sums_of_squares<float>();
  sprat::check_sums_of_squares<double>();
  sprat::check_masks<float>();
  sprat::check_masks<double>();
  sprat::check_count_nonfinite<float>();
  sprat::check_count_nonfinite<double>();
  sprat::check_all_below<float>();
  sprat::check_all_below<double>();
  return check::report();
}
