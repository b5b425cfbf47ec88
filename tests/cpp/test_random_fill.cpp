// Arrays of random numbers: right distributions, and the same bits however the work is cut.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "check.h"
#include "core/normal.h"
#include "core/random_fill.h"
#include "core/rng.h"
#include "core/threads.h"

using namespace sprat;

namespace {

// Quantiles to 18 digits: Newton's method on erfc with 40 digits.
void test_quantile() {
  struct Pair {
    double p, z;
  };
  constexpr Pair pairs[] = {
      {0x1p-53, -8.20953615160138686},   {1e-300, -37.0470962993611992}, {1e-12, -7.03448382530113193},
      {0.001, -3.09023230616781354},     {0.05, -1.64485362695147269},   {0.07499, -1.43960211823931621},
      {0.0750001, -1.43953076450172969}, {0.3, -0.524400512708040816},   {0.499999, -2.50662827456655938e-6},
      {0.6, 0.253347103135799741},       {0.93, 1.4757910281791711},     {0.975, 1.95996398454005386},
      {0.999999, 4.75342430881708777},
  };
  for (const Pair& pair : pairs) CHECK_NEAR(normal_quantile(pair.p) / pair.z, 1.0, 1e-15);
  CHECK_SAME_BITS(normal_quantile(0.5), 0.0);
  // Symmetric about 1/2, and finite at both ends.
  const Philox generator(1);
  for (uint64_t i = 0; i < 200; ++i) {
    const uint64_t word = random64_at(generator, 0, i);
    CHECK_SAME_BITS(standard_normal(word), -standard_normal(~word));
  }
  CHECK_NEAR(standard_normal(0), -8.20953615160138686, 1e-14);
  CHECK_NEAR(standard_normal(~uint64_t{0}), 8.20953615160138686, 1e-14);
}

// fill(offset, n, out) on the whole, in uneven pieces, and with other numbers of threads.
template <class T, class Fill>
std::vector<T> check_independent_of_split(Fill fill) {
  constexpr int64_t n = 20011;
  std::vector<T> whole(n), pieces(n), serial(n);
  set_num_threads(4);
  fill(100, n, whole.data());
  for (int64_t begin = 0, size = 1; begin < n; begin += size, size = size * 3 + 1)
    fill(static_cast<uint64_t>(100 + begin), std::min(size, n - begin), pieces.data() + begin);
  set_num_threads(1);
  fill(100, n, serial.data());
  bool same = true;
  for (size_t i = 0; i < n; ++i)
    same = same && check::same_bits(whole[i], pieces[i]) && check::same_bits(whole[i], serial[i]);
  CHECK(same);
  return whole;
}

// The first four moments of n values within five standard errors.
template <class T>
void check_normal_moments(const std::vector<T>& values, double mean, double std) {
  const double n = static_cast<double>(values.size());
  double sums[5] = {};
  for (const T value : values) {
    const double z = (static_cast<double>(value) - mean) / std;
    double power = 1;
    for (double& sum : sums) {
      sum += power;
      power *= z;
    }
  }
  CHECK_NEAR(sums[1] / n, 0, 5 * std::sqrt(1 / n));
  CHECK_NEAR(sums[2] / n, 1, 5 * std::sqrt(2 / n));
  CHECK_NEAR(sums[3] / n, 0, 5 * std::sqrt(15 / n));
  CHECK_NEAR(sums[4] / n, 3, 5 * std::sqrt(96 / n));
}

void test_fill() {
  const auto normal_float = check_independent_of_split<float>(
      [](uint64_t offset, int64_t n, float* out) { fill_normal(9, 2, offset, n, 1.5, 0.25, out); });
  const auto normal_double = check_independent_of_split<double>(
      [](uint64_t offset, int64_t n, double* out) { fill_normal(9, 2, offset, n, 1.5, 0.25, out); });
  check_normal_moments(normal_float, 1.5, 0.25);
  check_normal_moments(normal_double, 1.5, 0.25);
  bool rounded = true;
  for (size_t i = 0; i < normal_float.size(); ++i)
    rounded = rounded && check::same_bits(normal_float[i], static_cast<float>(normal_double[i]));
  CHECK(rounded);

  const auto uniform_float = check_independent_of_split<float>(
      [](uint64_t offset, int64_t n, float* out) { fill_uniform(9, 2, offset, n, -2.0f, 6.0f, out); });
  const auto uniform_double = check_independent_of_split<double>(
      [](uint64_t offset, int64_t n, double* out) { fill_uniform(9, 2, offset, n, -2.0, 6.0, out); });
  bool inside = true;
  double sum = 0;
  for (size_t i = 0; i < uniform_float.size(); ++i) {
    inside =
        inside && uniform_float[i] >= -2 && uniform_float[i] <= 6 && uniform_double[i] >= -2 && uniform_double[i] <= 6;
    sum += uniform_float[i];
  }
  CHECK(inside);
  CHECK_NEAR(sum / 20011, 2.0, 5 * 8 / std::sqrt(12.0 * 20011));
  CHECK_SAME_BITS(uniform_float[5], -2.0f + 8.0f * uniform_float_at(Philox(9), 2, 105));
  CHECK_SAME_BITS(uniform_double[5], -2.0 + 8.0 * uniform_double_at(Philox(9), 2, 105));

  float untouched = 7;
  fill_normal(9, 2, 0, 0, 0, 1, &untouched);
  CHECK_EQ(untouched, 7.0f);
}

// The bits themselves, so that another machine, compiler or log() that gives others is noticed: models initialised from
// a seed would no longer be the same. FNV-1a over the values.
void test_same_bits_everywhere() {
  double values[4096];
  fill_normal(2026, 0, 0, 4096, 0.0, 1.0, values);
  uint64_t hash = 0xcbf29ce484222325;
  for (const double value : values) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3;
  }
  CHECK_EQ(hash, 6956581828470659926u);
}

}  // namespace

int main() {
  test_quantile();
  test_fill();
  test_same_bits_everywhere();
  return check::report();
}
