// Sparse products have the bits of one ascending chain of fused multiply-adds over the weights that are not zero, and
// of the dense product of the same weight: for odd shapes, every number of rows, empty outputs and weights without
// zeros.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "api/dispatch.h"
#include "api/sparse_pack.h"
#include "check.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

using namespace sprat;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kCanary = 12345.0f;

struct Problem {
  int64_t rows, k, n;
  std::vector<float> x, weight, bias;

  float chain(int64_t row, int64_t output) const {
    float sum = 0;
    for (int64_t i = 0; i < k; ++i) {
      const float w = weight[static_cast<size_t>(output * k + i)];
      if (w != 0) sum = std::fma(x[static_cast<size_t>(row * k + i)], w, sum);
    }
    return sum;
  }
  WeightMatrix matrix(bool with_bias = true) const { return {weight.data(), with_bias ? bias.data() : nullptr, k, n}; }
};

// density: the share of weights that are not zero; blocks: those of 16 outputs share the fate of an input.
Problem problem(int64_t rows, int64_t k, int64_t n, double density, bool blocks = false) {
  std::mt19937 random(static_cast<unsigned>(1000 * rows + 100 * k + n));
  std::uniform_real_distribution<float> number(-1, 1);
  Problem p{rows, k, n, {}, {}, {}};
  for (int64_t i = 0; i < rows * k; ++i) p.x.push_back(number(random));
  for (int64_t i = 0; i < n; ++i) p.bias.push_back(number(random));
  p.weight.assign(static_cast<size_t>(n * k), 0.0f);
  const int64_t unit = blocks ? kSparsePanel : 1;
  for (int64_t first = 0; first < n; first += unit) {
    for (int64_t i = 0; i < k; ++i) {
      if (std::uniform_real_distribution<double>(0, 1)(random) >= density) continue;
      for (int64_t o = first; o < std::min(first + unit, n); ++o) {
        p.weight[static_cast<size_t>(o * k + i)] = number(random);
      }
    }
  }
  return p;
}

std::vector<float> output(const Problem& p) {
  return std::vector<float>(static_cast<size_t>(p.rows * p.n + 16), kCanary);
}

void check_output(const Problem& p, bool with_bias, float floor, const std::vector<float>& y) {
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t o = 0; o < p.n; ++o) {
      const float sum = p.chain(row, o) + (with_bias ? p.bias[static_cast<size_t>(o)] : 0.0f);
      CHECK_SAME_BITS(y[static_cast<size_t>(row * p.n + o)], floor > sum ? floor : sum);
    }
  }
  for (int64_t i = 0; i < 16; ++i) CHECK_EQ(y[static_cast<size_t>(p.rows * p.n + i)], kCanary);
}

std::vector<float> by_steps(const KernelTable& table, const Problem& p, bool with_bias, float floor) {
  PackedSteps packed;
  AlignedBuffer<float> memory;
  CHECK(packed.pack(p.matrix(with_bias)) && memory.allocate(kSparseRows * sparse_row_size(p.k)));
  std::vector<float> y = output(p);
  table.sparse->multiply_steps(packed.packed(), p.x.data(), p.rows, floor, memory.data(), y.data());
  return y;
}

std::vector<float> by_lists(const KernelTable& table, const Problem& p, bool with_bias, float floor) {
  PackedLists packed;
  const BatchKernel& batch = table.batch->of[SPRAT_FLOAT32];
  const int64_t width = table.linear->of[SPRAT_FLOAT32].panel_columns, panels = (p.rows + width - 1) / width;
  AlignedBuffer<float> x, z;
  CHECK(packed.pack(p.matrix(with_bias)) && x.allocate(panels * width * p.k) && z.allocate(panels * width * p.n));
  std::vector<float> y = output(p);
  batch.to_panels(p.x.data(), p.rows, p.k, 0, panels, x.data());
  table.sparse->multiply_lists(packed.packed(), x.data(), p.rows, floor, z.data());
  batch.from_panels(z.data(), p.rows, p.n, 0, panels, y.data());
  return y;
}

std::vector<float> by_blocks(const KernelTable& table, const Problem& p, bool with_bias, float floor) {
  PackedBlocks packed;
  CHECK(packed.pack(p.matrix(with_bias)));
  std::vector<float> y = output(p);
  table.sparse->multiply_blocks(packed.packed(), p.x.data(), p.rows, floor, y.data());
  return y;
}

std::vector<float> dense(const KernelTable& table, const Problem& p, bool with_bias, float floor) {
  const LinearKernel& linear = table.linear->of[SPRAT_FLOAT32];
  const int64_t panels = (p.n + linear.panel_columns - 1) / linear.panel_columns;
  AlignedBuffer<float> packed;
  CHECK(packed.allocate(linear.packed_size(p.k, p.n)));
  linear.pack({p.weight.data(), 1, p.k}, p.k, p.n, 0, panels, packed.data());
  std::vector<float> y = output(p);
  LinearProduct product{};
  product.a = {p.x.data(), p.k, 1};
  product.b = packed.data();
  product.k = p.k;
  product.n = p.n;
  product.c = y.data();
  product.c_stride = p.n;
  product.bias = with_bias ? p.bias.data() : nullptr;
  product.epilogue = floor == 0 ? Epilogue::kRelu : Epilogue::kStore;
  linear.multiply(product, 0, p.rows, 0, panels);
  return y;
}

void check_all(const KernelTable& table, const Problem& p) {
  for (const bool with_bias : {false, true}) {
    for (const float floor : {0.0f, -kInfinity}) {
      check_output(p, with_bias, floor, dense(table, p, with_bias, floor));
      check_output(p, with_bias, floor, by_steps(table, p, with_bias, floor));
      check_output(p, with_bias, floor, by_lists(table, p, with_bias, floor));
      check_output(p, with_bias, floor, by_blocks(table, p, with_bias, floor));
    }
  }
}

// Outputs of very different length: they change places, and some have no weight at all.
void check_uneven(const KernelTable& table) {
  Problem p = problem(9, 300, 150, 0.5);
  for (int64_t o = 0; o < p.n; ++o) {
    for (int64_t i = 0; i < p.k; ++i) {
      if (o % 3 == 0 || i > 2 * o) p.weight[static_cast<size_t>(o * p.k + i)] = 0;
    }
  }
  PackedSteps packed;
  CHECK(packed.pack(p.matrix()));
  CHECK(packed.packed().outputs != nullptr);
  check_all(table, p);
}

// A negative zero is a zero.
void check_zeros(const KernelTable& table) {
  Problem p = problem(3, 40, 20, 0.3);
  for (float& w : p.weight) w = w == 0 ? -0.0f : w;
  check_all(table, p);
  std::fill(p.weight.begin(), p.weight.end(), 0.0f);
  check_all(table, p);
}

// An input that is not finite reaches the outputs that have a weight for it, and no other.
void check_not_finite(const KernelTable& table) {
  for (const float value : {kInfinity, -kInfinity, std::nanf("")}) {
    for (const int64_t rows : {1, 2, 5, 9, 20, 40}) {
      Problem p = problem(rows, 70, 40, 0.1);
      for (int64_t row = 0; row < rows; row += 3) p.x[static_cast<size_t>(row * p.k + (row + 1) % p.k)] = value;
      check_output(p, true, -kInfinity, by_steps(table, p, true, -kInfinity));
      check_output(p, true, 0, by_lists(table, p, true, 0));
    }
  }
}

}  // namespace

int main() {
  const KernelTable* table = find_isa(SPRAT_STRING(SPRAT_ISA));
  if (!table || !isa_supported(table)) return 77;
  for (const int64_t k : {1, 2, 15, 16, 17, 31, 33, 127, 128, 129, 300}) {
    for (const int64_t n : {1, 2, 10, 15, 16, 17, 31, 33, 64, 65, 100}) {
      for (const double density : {0.03, 0.1, 0.5, 1.0}) check_all(*table, problem(3, k, n, density));
      check_all(*table, problem(5, k, n, 0.2, true));
    }
  }
  for (int64_t rows = 1; rows <= 70; ++rows) {
    check_all(*table, problem(rows, 50, 37, 0.1));
    check_all(*table, problem(rows, 50, 37, 0.2, true));
  }
  check_uneven(*table);
  check_zeros(*table);
  check_not_finite(*table);
  return check::report();
}
