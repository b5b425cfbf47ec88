// The product of u8 activations and s8 weights is exact on this instruction set, to the last k that is allowed.
#include <cstring>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/align.h"
#include "simd/dot.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

struct Problem {
  int64_t rows, k, n;
  std::vector<uint8_t> x;  // (rows, k)
  std::vector<int8_t> w;   // (n, k)

  Problem(int64_t rows_, int64_t k_, int64_t n_)
      : rows(rows_), k(k_), n(n_), x(static_cast<size_t>(rows_ * k_)), w(static_cast<size_t>(n_ * k_)) {}
  int64_t exact(int64_t row, int64_t column) const {
    int64_t sum = 0;
    for (int64_t i = 0; i < k; ++i)
      sum += int64_t{x[static_cast<size_t>(row * k + i)]} * w[static_cast<size_t>(column * k + i)];
    return sum;
  }
};

// z for scales of one and no zero point, and again with the exact sums of row 0 taken away as the correction for a zero
// point of 1: what is left of row 0 must be exactly 0, however large its sums are.
void check_exact(const LinearInt8Kernels& kernels, const Problem& p) {
  const int64_t stride = int8_row_stride(p.k), padded = round_up(p.n, kInt8Panel);
  AlignedBuffer<int8_t> packed;
  CHECK(packed.allocate(int8_packed_size(p.k, p.n)));
  std::vector<int32_t> sums(static_cast<size_t>(padded)), zeros(static_cast<size_t>(p.rows), 0);
  std::vector<float> ones(static_cast<size_t>(padded), 1.0f), nothing(static_cast<size_t>(padded), 0.0f);
  std::vector<float> x_scales(static_cast<size_t>(p.rows), 1.0f);
  kernels.pack(p.w.data(), p.k, p.n, packed.data(), sums.data());
  for (int64_t c = 0; c < p.n; ++c) {
    int64_t sum = 0;
    for (int64_t i = 0; i < p.k; ++i) sum += p.w[static_cast<size_t>(c * p.k + i)];
    CHECK_EQ(sums[static_cast<size_t>(c)], sum);
  }
  std::vector<uint8_t> rows(static_cast<size_t>(p.rows * stride), 0);
  for (int64_t r = 0; r < p.rows; ++r) {
    std::memcpy(&rows[static_cast<size_t>(r * stride)], &p.x[static_cast<size_t>(r * p.k)], static_cast<size_t>(p.k));
  }
  const float canary = 12345.0f;
  std::vector<float> z(static_cast<size_t>(p.rows * p.n + 16), canary);
  LinearInt8 layer{p.k, p.n, packed.data(), sums.data(), ones.data(), nothing.data()};
  kernels.multiply(layer, {rows.data(), x_scales.data(), zeros.data()}, p.rows, z.data());
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t c = 0; c < p.n; ++c) {
      CHECK_SAME_BITS(z[static_cast<size_t>(r * p.n + c)], static_cast<float>(p.exact(r, c)));
    }
  }
  for (int64_t i = 0; i < 16; ++i) CHECK_EQ(z[static_cast<size_t>(p.rows * p.n + i)], canary);

  const std::vector<int32_t> zero_points(static_cast<size_t>(p.rows), 1);
  for (int64_t c = 0; c < p.n; ++c) sums[static_cast<size_t>(c)] = static_cast<int32_t>(p.exact(0, c));
  kernels.multiply(layer, {rows.data(), x_scales.data(), zero_points.data()}, 1, z.data());
  for (int64_t c = 0; c < p.n; ++c) CHECK_EQ(z[static_cast<size_t>(c)], 0.0f);
}

void check_shapes(const LinearInt8Kernels& kernels) {
  std::mt19937 random(7);
  const int64_t ks[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 33, 64, 100}, ns[] = {1, 2, 7, 8, 10, 15, 16, 17, 31, 32, 33, 65};
  for (const int64_t rows : {1, 2, 3, 5, 8, 9}) {
    for (const int64_t k : ks) {
      for (const int64_t n : ns) {
        Problem p(rows, k, n);
        for (auto& v : p.x) v = static_cast<uint8_t>(random());
        for (auto& v : p.w) v = static_cast<int8_t>(random());
        check_exact(kernels, p);
      }
    }
  }
}

// Every product at its extreme, all of one sign: the sums of pairs leave 16 bits, the last sum just fits 32.
void check_extremes(const LinearInt8Kernels& kernels) {
  for (const int64_t k : {int64_t{4}, int64_t{511}, int64_t{4096}, kInt8MaxK}) {
    for (const int w : {-128, 127}) {
      Problem p(3, k, 17);
      std::memset(p.x.data(), 255, p.x.size());
      std::memset(p.w.data(), w, p.w.size());
      check_exact(kernels, p);
    }
  }
}

void check_dot() {
  using I = Vec<int32_t>;
  uint8_t x[4 * kLanes<I>];
  int8_t w[4 * kLanes<I>];
  for (int a = 0; a < 256; a += 3) {
    for (int b = -128; b < 128; b += 5) {
      for (int i = 0; i < 4 * kLanes<I>; ++i) {
        x[i] = static_cast<uint8_t>(a + i % 4);
        w[i] = static_cast<int8_t>(b + i % 7);
      }
      const I sum = dot(I(1000), broadcast_four(x), load_fours(w));
      for (int lane = 0; lane < kLanes<I>; ++lane) {
        int expected = 1000;
        for (int i = 0; i < 4; ++i) expected += x[i] * w[4 * lane + i];
        CHECK_EQ(sum[lane], expected);
      }
    }
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  check_dot();
  check_shapes(*table->linear_int8);
  check_extremes(*table->linear_int8);
  return check::report();
}
