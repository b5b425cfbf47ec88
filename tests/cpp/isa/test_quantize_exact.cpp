// The codes that quantize finds by multiplication are those of the division, where they could differ: beside every half
// between two codes, for scales of every kind. SPRAT_TEST_EXHAUSTIVE=1 takes 2^20 scales and every float.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "check.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

template <class T>
int plain_code(T x, T scale, int zero, int low, int high) {
  if (x != x) return zero;
  const T code = std::nearbyint(x / scale) + T(zero);
  return static_cast<int>(code < T(low) ? T(low) : code > T(high) ? T(high) : code);
}

template <class T>
class Checker {
 public:
  Checker(const QuantizeFormat& format, int real) : format_(format), real_(real) {}

  void check(const std::vector<T>& x, T scale, int zero) {
    const auto code = static_cast<int8_t>(zero);
    const auto n = static_cast<int64_t>(x.size());
    const QuantizeView view{1, n, &scale, &code, format_.min, format_.max};
    codes_.resize(x.size());
    fake_.resize(x.size());
    format_.quantize[real_](view, x.data(), codes_.data(), 0, n);
    format_.fake_quantize[real_](view, x.data(), fake_.data(), nullptr, 0, n);
    bool all_right = true;
    for (size_t i = 0; i < x.size() && all_right; ++i) {
      const int wanted = plain_code(x[i], scale, zero, format_.min, format_.max);
      const int got = format_.dtype == SPRAT_INT8 ? codes_[i] : static_cast<uint8_t>(codes_[i]);
      if (got == wanted && fake_[i] == T(wanted - zero) * scale) continue;
      std::fprintf(stderr, "x %a scale %a zero_point %d: wanted %d, got %d and %a\n", static_cast<double>(x[i]),
                   static_cast<double>(scale), zero, wanted, got, static_cast<double>(fake_[i]));
      all_right = false;
    }
    CHECK(all_right);
  }

 private:
  const QuantizeFormat& format_;
  int real_;
  std::vector<int8_t> codes_;
  std::vector<T> fake_;
};

// Some numbers below and above each half times scale.
template <class T>
std::vector<T> beside_halves(T scale, int least, int most, int steps) {
  std::vector<T> x;
  for (int k = least; k < most; ++k) {
    const T middle = (T(k) + T(0.5)) * scale;
    T below = middle, above = middle;
    x.push_back(middle);
    for (int i = 0; i < steps; ++i) {
      x.push_back(below = std::nextafter(below, -std::numeric_limits<T>::infinity()));
      x.push_back(above = std::nextafter(above, std::numeric_limits<T>::infinity()));
    }
  }
  return x;
}

template <class T>
std::vector<T> special_numbers() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x = {T(0),          Limits::denorm_min(), Limits::min(),      T(1),
                      Limits::max(), Limits::infinity(),   Limits::quiet_NaN()};
  for (T power = Limits::denorm_min(); power < Limits::infinity(); power *= 2) {
    x.insert(x.end(), {power, std::nextafter(power, T(0)), std::nextafter(power, Limits::infinity()), power * T(1.5)});
  }
  const size_t half = x.size();
  for (size_t i = 0; i < half; ++i) x.push_back(-x[i]);
  return x;
}

template <class T>
void check_scales(const QuantizeFormat& format, int real, int count) {
  Checker<T> checker(format, real);
  std::mt19937_64 random(7);
  constexpr int kExponent = std::numeric_limits<T>::max_exponent;
  const std::vector<T> special = special_numbers<T>();
  for (int i = 0; i < count; ++i) {
    // All mantissas alike; first those at the ends, where reciprocals are rounded worst.
    const T mantissa = i < 64    ? T(1) + T(i) * std::numeric_limits<T>::epsilon()
                       : i < 128 ? T(2) - T(i - 63) * std::numeric_limits<T>::epsilon()
                                 : T(1) + T(random() >> 11) / T(9007199254740992.0);
    const int exponent = static_cast<int>(random() % 41) - 20;
    const int zero = format.min + static_cast<int>(random() % 256);
    const T scale = std::ldexp(mantissa < 2 ? mantissa : T(1), exponent);
    checker.check(beside_halves(scale, format.min - zero - 2, format.max - zero + 2, 4), scale, zero);
  }
  for (int exponent = 1 - kExponent - std::numeric_limits<T>::digits; exponent < kExponent; exponent += 3) {
    const T scale = std::ldexp(T(1.37), exponent);
    if (scale == 0 || std::isinf(scale)) continue;
    checker.check(special, scale, format.min + 100);
    checker.check(beside_halves(scale, -130, 130, 2), scale, format.min + 128);
  }
}

void check_every_float(const QuantizeFormat& format) {
  Checker<float> checker(format, SPRAT_FLOAT32);
  std::vector<float> x(1 << 20);
  for (uint32_t block = 0; block < 4096; ++block) {
    for (uint32_t i = 0; i < x.size(); ++i) {
      const uint32_t bits = block << 20 | i;
      std::memcpy(&x[i], &bits, sizeof bits);
    }
    checker.check(x, format.dtype == SPRAT_INT8 ? 0.0173f : 3.0f, format.min + 31);
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  const bool exhaustive = std::getenv("SPRAT_TEST_EXHAUSTIVE") != nullptr;
  for (int32_t f = 0; f < table->quantize->num_formats; ++f) {
    const QuantizeFormat& format = table->quantize->formats[f];
    check_scales<float>(format, SPRAT_FLOAT32, exhaustive ? 1 << 20 : 1500);
    check_scales<double>(format, SPRAT_FLOAT64, exhaustive ? 1 << 18 : 500);
    if (exhaustive) check_every_float(format);
  }
  return check::report();
}
