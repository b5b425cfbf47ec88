// Random numbers: the published vectors, the ranges, and that nothing depends on how the work is cut.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.h"
#include "core/rng.h"
#include "core/shuffle.h"

using namespace sprat;

namespace {

// kat_vectors of the Random123 library, lines "philox4x32 10": counter, key, result.
void test_known_answers() {
  struct Vector {
    uint32_t counter[4], key[2], result[4];
  };
  constexpr uint32_t kOnes = 0xffffffff;
  constexpr Vector vectors[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  const auto join = [](uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; };
  for (const Vector& v : vectors) {
    const Philox generator(join(v.key[0], v.key[1]));
    const RandomBlock block = generator.block(join(v.counter[2], v.counter[3]), join(v.counter[0], v.counter[1]));
    for (int i = 0; i < 4; ++i) CHECK_EQ(block.word[i], v.result[i]);
    CHECK_EQ(block.word64(1), join(v.result[2], v.result[3]));
  }
}

void test_uniform() {
  CHECK_SAME_BITS(uniform_float(0), 0.0f);
  CHECK_SAME_BITS(uniform_float(0xffffffff), 1.0f - 0x1p-24f);
  CHECK_SAME_BITS(uniform_double(0), 0.0);
  CHECK_SAME_BITS(uniform_double(~uint64_t{0}), 1.0 - 0x1p-53);
  const Philox generator(7);
  constexpr int n = 100000;
  double sum = 0, squares = 0;
  for (uint64_t i = 0; i < n; ++i) {
    const double value = uniform_float_at(generator, 3, i);
    sum += value;
    squares += value * value;
  }
  // Within five standard errors of 1/2 and 1/3.
  CHECK_NEAR(sum / n, 1.0 / 2, 5 * std::sqrt(1.0 / 12 / n));
  CHECK_NEAR(squares / n, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / n));
  // Neighbouring indices share a block without sharing a value.
  CHECK(uniform_double_at(generator, 3, 0) != uniform_double_at(generator, 3, 1));
  CHECK(uniform_double_at(generator, 3, 0) != uniform_double_at(generator, 4, 0));
}

void test_bounded() {
  constexpr uint64_t kLargest = ~uint64_t{0};
  CHECK_EQ(bounded(kLargest, 1), 0u);
  CHECK_EQ(bounded(kLargest, 10), 9u);
  CHECK_EQ(bounded(0, 10), 0u);
  CHECK_EQ(bounded(kLargest, kLargest), kLargest - 1);
  // Each value owns an equal share of the 2^64 words: the first word of value k is ceil(k 2^64 / n).
  constexpr uint64_t n = 3, third = kLargest / 3;  // (2^64 - 1) / 3
  CHECK_EQ(bounded(third, n), 0u);
  CHECK_EQ(bounded(third + 1, n), 1u);
  CHECK_EQ(bounded(2 * third, n), 1u);
  CHECK_EQ(bounded(2 * third + 1, n), 2u);
}

void test_permutation() {
  for (const int64_t n : {0, 1, 2, 3, 10, 1001}) {
    std::vector<int64_t> order(static_cast<size_t>(n) + 1, -7), sorted;
    permutation(42, 5, n, order.data());
    CHECK_EQ(order.back(), -7);
    order.pop_back();
    sorted = order;
    std::sort(sorted.begin(), sorted.end());
    bool complete = true;
    for (int64_t i = 0; i < n; ++i) complete = complete && sorted[static_cast<size_t>(i)] == i;
    CHECK(complete);
  }
  // Fixed for ever: a resumed or repeated training run depends on it.
  int64_t ten[10];
  permutation(0, 0, 10, ten);
  const int64_t expected[10] = {7, 8, 4, 0, 5, 1, 2, 3, 6, 9};
  for (int i = 0; i < 10; ++i) CHECK_EQ(ten[i], expected[i]);
  // All 24 orders of four elements come equally often: chi-squared with 23 degrees of freedom, 99.99 % below 53.
  constexpr int kDraws = 24000;
  int counts[256] = {};
  for (int draw = 0; draw < kDraws; ++draw) {
    int64_t four[4];
    permutation(1, static_cast<uint64_t>(draw), 4, four);
    ++counts[four[0] << 6 | four[1] << 4 | four[2] << 2 | four[3]];
  }
  double chi_squared = 0;
  int orders = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++orders;
    chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  }
  CHECK_EQ(orders, 24);
  CHECK(chi_squared < 53);
}

}  // namespace

int main() {
  test_known_answers();
  test_uniform();
  test_bounded();
  test_permutation();
  return check::report();
}
