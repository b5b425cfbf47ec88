// simd/math.h: the error of each function in units in the last place, its limits, and the promise of the same bits.
//
// Every thousandth float is tried; with SPRAT_TEST_EXHAUSTIVE=1 each one, and 10^8 doubles, in a quarter of an hour.
// The reference is the C library in the next wider format. With SPRAT_TEST_EMULATED=1 a tenth is tried: its errors are
// those of every machine if its bits are, which the fingerprints say, and that format costs an emulator a minute.
#include <cmath>
#include <cstdlib>

#include "samples.h"
#include "simd/math.h"

namespace sprat {
namespace {

struct Function {
  const char* name;
  double ulp_float, ulp_double;      // the bounds that math.h states
  double low, high;                  // where a double result is neither 0, 1, -1 nor infinity
  uint64_t bits_float, bits_double;  // fingerprints
};

// |actual - exact| in units of the last place of a T near exact.
template <class T, class Wide>
double error_in_ulp(T actual, Wide exact) {
  using Limits = std::numeric_limits<T>;
  int exponent;
  std::frexp(exact, &exponent);
  exponent = std::max(exponent, Limits::min_exponent);
  return static_cast<double>(std::fabs(actual - exact) / std::ldexp(Wide(1), exponent - Limits::digits));
}

template <class T, class Wide>
struct Worst {
  double ulp = 0;
  T at = 0;

  // Where rounding the exact result gives NaN, an infinity or 0, ours has to be the same, sign included.
  void add(T x, T actual, Wide exact) {
    const T rounded = static_cast<T>(exact);
    if (std::isnan(rounded) || std::isinf(rounded) || std::isinf(actual) || exact == 0) {
      CHECK_SAME_BITS(actual, rounded);
      return;
    }
    const double error = std::isnan(actual) ? HUGE_VAL : error_in_ulp(actual, exact);
    if (error > ulp) {
      ulp = error;
      at = x;
    }
  }
  void check(const char* name, double bound) const {
    char line[160];
    std::snprintf(line, sizeof line, "%-8s %-6s %.3f ulp at %a, bound %.2f", name, sizeof(T) == 4 ? "float" : "double",
                  ulp, static_cast<double>(at), bound);
    std::puts(line);
    std::fflush(stdout);  // an exhaustive run takes its time
    check::record(ulp <= bound, __FILE__, __LINE__, line);
  }
};

// ours(x) in a register against reference(x) over all floats, `stride` apart; every 16th register also lane by lane.
template <class Ours, class Reference>
void test_float(const Function& function, uint64_t stride, Ours ours, Reference reference) {
  using V = Vec<float>;
  Worst<float, double> worst;
  float x[kLanes<V>];
  float y[kLanes<V>];
  uint64_t turn = 0;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += stride * kLanes<V>) {
    for (int i = 0; i < kLanes<V>; ++i) {
      x[i] = from_bits<float>(static_cast<int32_t>(bits + stride * static_cast<uint64_t>(i)));
    }
    ours(V::load(x)).store(y);
    for (int i = 0; i < kLanes<V>; ++i) worst.add(x[i], y[i], reference(static_cast<double>(x[i])));
    if (turn++ % 16 == 0) {
      for (int i = 0; i < kLanes<V>; ++i) CHECK_SAME_BITS(ours(x[i]), y[i]);
    }
  }
  worst.check(function.name, function.ulp_float);
}

// Any double, doubles spread over the interesting range, and doubles near zero.
template <class Ours, class Reference>
void test_double(const Function& function, long count, Ours ours, Reference reference) {
  using V = Vec<double>;
  Worst<double, long double> worst;
  Samples<double> samples;
  double x[kLanes<V>];
  double y[kLanes<V>];
  for (long n = 0; n < count; n += kLanes<V>) {
    for (int i = 0; i < kLanes<V>; ++i) {
      const double unit = static_cast<double>(samples.bits() >> 11) * 0x1p-53;
      switch (n / kLanes<V> % 4) {
        case 0:
          x[i] = samples.any();
          break;
        case 1:
          x[i] = function.low + unit * (function.high - function.low);
          break;
        case 2:
          x[i] = (samples.bits() & 1 ? 1 : -1) * std::exp2(4 - 24 * unit);
          break;
        default:
          x[i] = 4 * unit - 2;
          break;
      }
    }
    ours(V::load(x)).store(y);
    for (int i = 0; i < kLanes<V>; ++i) worst.add(x[i], y[i], reference(static_cast<long double>(x[i])));
    for (int i = 0; i < kLanes<V>; ++i) CHECK_SAME_BITS(ours(x[i]), y[i]);
  }
  worst.check(function.name, function.ulp_double);
}

// The bits of the results at fixed places, as FNV-1a: one number on every instruction set and with every compiler.
template <class T, class Ours>
uint64_t fingerprint(Ours ours) {
  using V = Vec<T>;
  Samples<T> samples;
  uint64_t hash = 14695981039346656037u;
  std::vector<T> x = edge_values<T>();
  for (int i = 0; i < 4000; ++i) x.push_back(i & 1 ? samples.any() : samples.ordinary() / 400);
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); i += kLanes<V>) {
    const int64_t left = static_cast<int64_t>(x.size()) - i;
    T y[kLanes<V>];
    ours(load_partial<V>(x.data() + i, left)).store(y);
    for (int64_t k = 0; k < kLanes<V> && k < left; ++k) {
      const T value = std::isnan(y[k]) ? std::numeric_limits<T>::quiet_NaN() : y[k];  // NaN payloads are not promised
      hash = (hash ^ static_cast<uint64_t>(to_bits(value))) * 1099511628211u;
    }
  }
  return hash;
}

template <class T, class Ours, class Reference>
void test_edges(Ours ours, Reference reference, double bound) {
  for (T x : edge_values<T>()) {
    const auto exact = reference(static_cast<long double>(x));
    const T rounded = static_cast<T>(exact);
    for (T y : {ours(x), ours(Vec<T>(x))[kLanes<Vec<T>> - 1]}) {
      if (std::isnan(rounded) || std::isinf(rounded) || rounded == 0) {
        CHECK_SAME_BITS(y, rounded);
      } else {
        CHECK(error_in_ulp(y, exact) <= bound);
      }
    }
  }
}

template <class Ours, class Reference>
void test(const Function& function, Ours ours, Reference reference) {
  const bool exhaustive = std::getenv("SPRAT_TEST_EXHAUSTIVE") != nullptr;
  const bool emulated = std::getenv("SPRAT_TEST_EMULATED") != nullptr;
  test_edges<float>(ours, reference, function.ulp_float);
  test_edges<double>(ours, reference, function.ulp_double);
  test_float(function, exhaustive ? 1 : emulated ? 9973 : 997, ours, reference);
  test_double(function, exhaustive ? 100'000'000 : emulated ? 20'000 : 200'000, ours, reference);
  CHECK_EQ(fingerprint<float>(ours), function.bits_float);
  CHECK_EQ(fingerprint<double>(ours), function.bits_double);
}

// name, ULP float and double, interesting range of doubles, fingerprints
constexpr Function kExp = {"exp", 1.09, 1.1, -746, 710, 0x7c5e2e1cbcbc7c3d, 0x8519e8c515990692};
constexpr Function kExpm1 = {"expm1", 1.7, 2.3, -40, 710, 0x36b21b56a909a536, 0xf71750935f6694e};
constexpr Function kLog = {"log", 0.9, 0.9, 0, 20, 0xcdafca9fae83300b, 0xc0403b1854c1e03c};
constexpr Function kLog1p = {"log1p", 1.5, 1.5, -1, 20, 0xa2f5b96a6f5cc034, 0xbb6d1c726de98d06};
constexpr Function kTanh = {"tanh", 2.6, 2.6, -20, 20, 0x778bc232c6e5a168, 0xdf4aaa12674f8e63};
constexpr Function kErf = {"erf", 1.1, 1.1, -6, 6, 0x1ea0ca96ff44db7a, 0x7b8212c174c492ff};
constexpr Function kSigmoid = {"sigmoid", 2.5, 2.5, -746, 40, 0x5df99f67be840f4d, 0x6ee9162b083af236};

#define SPRAT_AND_STD(name) [](auto x) { return sprat::name(x); }, [](auto x) { return std::name(x); }

void test_all() {
  const auto exact_sigmoid = [](auto x) {
    const auto e = std::exp(-std::fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
  };
  test(kExp, SPRAT_AND_STD(exp));
  test(kExpm1, SPRAT_AND_STD(expm1));
  test(kLog, SPRAT_AND_STD(log));
  test(kLog1p, SPRAT_AND_STD(log1p));
  test(kTanh, SPRAT_AND_STD(tanh));
  test(kErf, SPRAT_AND_STD(erf));
  const auto sigmoid = [](auto x) { return sprat::sigmoid(x); };
  test(kSigmoid, sigmoid, exact_sigmoid);
}

}  // namespace
}  // namespace sprat

int main() {
  if (!check::cpu_runs_this_build()) return check::kSkipped;
  sprat::test_all();
  return check::report();
}
