// Every word of simd/vec.h, in a register and on one number, against plain C++.
#include <cmath>

#include "samples.h"
#include "simd/vec.h"

namespace sprat {
namespace {

template <class T>
T bits_with_sign(T magnitude, T sign) {
  return std::signbit(sign) ? -std::fabs(magnitude) : std::fabs(magnitude);
}

// The words of real numbers on the lanes of a, b, c; what each scalar overload gives is checked as well.
template <class T>
void check_real_words(const T* a, const T* b, const T* c) {
  using V = Vec<T>;
  const V x = V::load(a);
  const V y = V::load(b);
  const V z = V::load(c);
  const auto both = [&](V vector, auto scalar, auto expected) {
    check_lanes(vector, expected);
    for (int i = 0; i < kLanes<V>; ++i) CHECK_SAME_BITS(scalar(i), static_cast<T>(expected(i)));
  };
  check_lanes(x + y, [&](int i) { return a[i] + b[i]; });
  check_lanes(x - y, [&](int i) { return a[i] - b[i]; });
  check_lanes(x * y, [&](int i) { return a[i] * b[i]; });
  check_lanes(x / y, [&](int i) { return a[i] / b[i]; });
  check_lanes(-x, [&](int i) { return -a[i]; });
  both(
      fma(x, y, z), [&](int i) { return fma(a[i], b[i], c[i]); }, [&](int i) { return std::fma(a[i], b[i], c[i]); });
  both(
      sqrt(x), [&](int i) { return sqrt(a[i]); }, [&](int i) { return std::sqrt(a[i]); });
  both(
      abs(x), [&](int i) { return abs(a[i]); }, [&](int i) { return std::fabs(a[i]); });
  both(
      copysign(x, y), [&](int i) { return copysign(a[i], b[i]); }, [&](int i) { return bits_with_sign(a[i], b[i]); });
  both(
      round_even(x), [&](int i) { return round_even(a[i]); }, [&](int i) { return std::nearbyint(a[i]); });
  both(
      min(x, y), [&](int i) { return min(a[i], b[i]); }, [&](int i) { return a[i] < b[i] ? a[i] : b[i]; });
  both(
      max(x, y), [&](int i) { return max(a[i], b[i]); }, [&](int i) { return a[i] > b[i] ? a[i] : b[i]; });
  both(
      clamp(x, -1, 2), [&](int i) { return clamp(a[i], -1, 2); },
      [&](int i) { return !(a[i] > -1) ? T(-1)
                          : a[i] < 2   ? a[i]
                                       : T(2); });
  both(
      select(x < y, z, 7), [&](int i) { return select(a[i] < b[i], c[i], 7); },
      [&](int i) { return a[i] < b[i] ? c[i] : 7; });
  both(
      from_bits<V>(to_bits(x)), [&](int i) { return from_bits<T>(to_bits(a[i])); }, [&](int i) { return a[i]; });

  for (int i = 0; i < kLanes<V>; ++i) {
    CHECK_EQ(mask_bits(x < y) >> i & 1, a[i] < b[i]);
    CHECK_EQ(mask_bits(x <= y) >> i & 1, a[i] <= b[i]);
    CHECK_EQ(mask_bits(x > y) >> i & 1, a[i] > b[i]);
    CHECK_EQ(mask_bits(x >= y) >> i & 1, a[i] >= b[i]);
    CHECK_EQ(mask_bits(x == y) >> i & 1, a[i] == b[i]);
    CHECK_EQ(mask_bits(x != y) >> i & 1, a[i] != b[i]);
    CHECK_EQ(mask_bits(x < y && y < z) >> i & 1, a[i] < b[i] && b[i] < c[i]);
    CHECK_EQ(mask_bits(x < y || y < z) >> i & 1, a[i] < b[i] || b[i] < c[i]);
    CHECK_EQ(mask_bits(!(x < y)) >> i & 1, !(a[i] < b[i]));
  }
  int below = 0;
  for (int i = 0; i < kLanes<V>; ++i) below += a[i] < b[i];
  CHECK_EQ(count(x < y), below);
  CHECK_EQ(any(x < y), below > 0);
  CHECK_EQ(all(x < y), below == kLanes<V>);
}

template <class T>
void test_real_words() {
  constexpr int lanes = kLanes<Vec<T>>;
  const std::vector<T> edges = edge_values<T>();
  T a[lanes];
  T b[lanes];
  T c[lanes];
  size_t step = 0;  // every pair of edge values, with a third that changes
  for (T x : edges) {
    for (T y : edges) {
      const int lane = static_cast<int>(step % lanes);
      a[lane] = x;
      b[lane] = y;
      c[lane] = edges[step * 7 % edges.size()];
      if (++step % lanes == 0) check_real_words(a, b, c);
    }
  }
  Samples<T> samples;
  for (long round = 0; round < 20000; ++round) {
    for (int i = 0; i < lanes; ++i) {
      a[i] = samples.any();
      b[i] = samples.any();
      c[i] = samples.any();
    }
    check_real_words(a, b, c);
  }
  for (T x : edges) {
    check_lanes(Vec<T>(x), [&](int) { return x; });
    CHECK_SAME_BITS(Vec<T>(x)[lanes - 1], x);
  }
}

// Products one bit too long for T: exact ties, decided by c; near the end of the range, among denormals, cancelling.
template <class T>
void test_fma() {
  using V = Vec<T>;
  using Limits = std::numeric_limits<T>;
  constexpr int half = Limits::digits / 2;
  T a[kLanes<V>];
  T b[kLanes<V>];
  T c[kLanes<V>];
  Samples<T> samples;
  for (long round = 0; round < 1000000; ++round) {
    for (int i = 0; i < kLanes<V>; ++i) {
      const uint64_t word = samples.bits();
      const auto odd = [&](int shift, int bits) { return static_cast<T>((word >> shift & ((1 << bits) - 1)) | 1); };
      a[i] = odd(0, half);
      b[i] = odd(14, half + 2);
      const int near_limit[] = {0, Limits::max_exponent - Limits::digits - 2, Limits::min_exponent - half,
                                static_cast<int>(word >> 44 & 63) - 32};
      const int scale = near_limit[word >> 42 & 3];
      a[i] = std::ldexp(a[i], scale / 2);
      b[i] = std::ldexp(b[i], scale - scale / 2);
      const T product = a[i] * b[i];
      const T choices[] = {0,
                           Limits::denorm_min(),
                           product * Limits::epsilon() / 4,
                           product,
                           std::nextafter(product, Limits::infinity()),
                           std::ldexp(product, static_cast<int>(word >> 50 & 31)),
                           std::ldexp(T(1), Limits::digits + scale),
                           samples.any()};
      c[i] = std::copysign(choices[word >> 57 & 7], word >> 63 ? T(-1) : T(1));
    }
    check_lanes(fma(V::load(a), V::load(b), V::load(c)), [&](int i) { return std::fma(a[i], b[i], c[i]); });
  }
}

template <class I>
void test_integer_words() {
  using V = Vec<I>;
  constexpr int width = sizeof(I) * 8;
  Samples<double> samples;
  I a[kLanes<V>];
  I b[kLanes<V>];
  for (long round = 0; round < 5000; ++round) {
    for (int i = 0; i < kLanes<V>; ++i) {  // small enough that sums do not overflow; some equal pairs
      a[i] = static_cast<I>(samples.bits()) >> 2;
      b[i] = samples.bits() & 3 ? static_cast<I>(samples.bits()) >> 2 : a[i];
    }
    const V x = V::load(a);
    const V y = V::load(b);
    const int n = static_cast<int>(samples.bits() % width);
    check_lanes(x + y, [&](int i) { return a[i] + b[i]; });
    check_lanes(x - y, [&](int i) { return a[i] - b[i]; });
    check_lanes((x & 0xffff) * 3, [&](int i) { return (a[i] & 0xffff) * 3; });
    check_lanes(x & y, [&](int i) { return a[i] & b[i]; });
    check_lanes(x | y, [&](int i) { return a[i] | b[i]; });
    check_lanes(x ^ y, [&](int i) { return a[i] ^ b[i]; });
    check_lanes(~x, [&](int i) { return ~a[i]; });
    check_lanes(x << n, [&](int i) { return a[i] << n; });
    check_lanes(x >> n, [&](int i) { return a[i] >> n; });
    check_lanes(shift_right_logical(x, n), [&](int i) { return static_cast<std::make_unsigned_t<I>>(a[i]) >> n; });
    check_lanes(shift_right_logical(x, n), [&](int i) { return shift_right_logical(a[i], n); });
    check_lanes(min(x, y), [&](int i) { return min(a[i], b[i]); });
    check_lanes(max(x, y), [&](int i) { return max(a[i], b[i]); });
    check_lanes(select(x < y, x, 5), [&](int i) { return a[i] < b[i] ? a[i] : 5; });
    check_lanes(select(x <= y, x, 5), [&](int i) { return a[i] <= b[i] ? a[i] : 5; });
    check_lanes(select(x == y, x, 5), [&](int i) { return a[i] == b[i] ? a[i] : 5; });
    check_lanes(select(x != y, x, 5), [&](int i) { return a[i] != b[i] ? a[i] : 5; });
  }
}

// Real to integer and back; the two halves of a float register as doubles and back.
void test_conversions() {
  Samples<float> samples;
  constexpr int half = kLanes<Vec<double>>;
  static_assert(kLanes<Vec<float>> == 2 * half);
  for (long round = 0; round < 5000; ++round) {
    float f[kLanes<Vec<float>>];
    double d[2 * half];
    for (int i = 0; i < 2 * half; ++i) {
      f[i] = static_cast<float>(static_cast<int64_t>(samples.bits()) >> 33) / (1 << (i + 4));
      d[i] = static_cast<double>(static_cast<int64_t>(samples.bits()) >> 12) / (2 << i);
    }
    const Vec<float> x = Vec<float>::load(f);
    const Vec<double> low = Vec<double>::load(d);
    const Vec<double> high = Vec<double>::load(d + half);
    check_lanes(round_to_int(x), [&](int i) { return std::nearbyint(f[i]); });
    check_lanes(round_to_int(x), [&](int i) { return round_to_int(f[i]); });
    check_lanes(round_to_int(low), [&](int i) { return std::nearbyint(d[i]); });
    check_lanes(round_to_int(low), [&](int i) { return round_to_int(d[i]); });
    check_lanes(to_real(to_bits(x)), [&](int i) { return static_cast<float>(to_bits(f[i])); });
    check_lanes(to_real(to_bits(x)), [&](int i) { return to_real(to_bits(f[i])); });
    check_lanes(to_real(round_to_int(low)), [&](int i) { return std::nearbyint(d[i]); });
    check_lanes(widen_low(x), [&](int i) { return static_cast<double>(f[i]); });
    check_lanes(widen_high(x), [&](int i) { return static_cast<double>(f[i + half]); });
    check_lanes(narrow(low, high), [&](int i) { return static_cast<float>(d[i]); });
  }
}

// A double never becomes a float lane unasked: with V = float the same formula would have computed in double.
static_assert(!std::is_convertible_v<double, Vec<float>> && std::is_constructible_v<Vec<float>, double>);
static_assert(std::is_convertible_v<float, Vec<double>> && std::is_convertible_v<int, Vec<float>>);
static_assert(kLanes<float> == 1 && std::is_same_v<Mask<float>, bool> && std::is_same_v<Int<double>, int64_t>);
static_assert(std::is_same_v<Scalar<Vec<float>>, float> && std::is_same_v<Int<Vec<float>>, Vec<int32_t>>);
static_assert(std::is_same_v<Mask<Vec<float>>, Mask<Vec<int32_t>>>);

}  // namespace
}  // namespace sprat

int main() {
  if (!check::cpu_runs_this_build()) return check::kSkipped;
  sprat::test_real_words<float>();
  sprat::test_real_words<double>();
  sprat::test_fma<float>();
  sprat::test_fma<double>();
  sprat::test_integer_words<int32_t>();
  sprat::test_integer_words<int64_t>();
  sprat::test_conversions();
  return check::report();
}
