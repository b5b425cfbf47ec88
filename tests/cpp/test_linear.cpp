// The matrix product of every instruction set of this machine against the order of sums that kernels/linear.h promises,
// one number at a time and bit for bit: all shapes around tiles and panels, any strides, any range of rows and panels.
#include <algorithm>
#include <cmath>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/align.h"
#include "core/rng.h"

using namespace sprat;

namespace {

template <class T>
std::vector<T> numbers(int64_t n, uint64_t stream) {
  std::vector<T> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    values[static_cast<size_t>(i)] = T(2 * uniform_double_at(Philox(7), stream, static_cast<uint64_t>(i)) - 1);
  }
  return values;
}

template <class T>
T at(const std::vector<T>& values, int64_t i) {
  return values[static_cast<size_t>(i)];
}

struct Shape {
  int64_t rows, k, n, block;
};

template <class T>
T relu(T x) {
  return x > 0 ? x : 0;
}

// Rows of A and of B lie `a_gap` and `b_gap` elements apart beyond what they need; transposed means that their columns
// do.
struct Layout {
  bool a_transposed, b_transposed, bias;
  int64_t a_gap, b_gap;
  bool relu = false;
};

template <class T>
T expected(const std::vector<T>& a, int64_t a_row, int64_t a_k, const std::vector<T>& b, int64_t b_k, int64_t b_n,
           const std::vector<T>& bias, const Layout& layout, const Shape& shape, int64_t row, int64_t column) {
  T total = 0;
  const int64_t block = shape.block > 0 ? shape.block : shape.k;
  for (int64_t begin = 0; begin < shape.k; begin += block) {
    T sum = 0;
    for (int64_t k = begin; k < std::min(begin + block, shape.k); ++k) {
      sum = std::fma(at(a, row * a_row + k * a_k), at(b, k * b_k + column * b_n), sum);
    }
    total = begin == 0 ? sum : total + sum;
  }
  if (layout.bias) total += at(bias, column);
  return layout.relu ? relu(total) : total;
}

template <class T>
void check_product(const LinearKernel& kernel, const Shape& shape, const Layout& layout) {
  const auto [rows, k, n, block] = shape;
  const int64_t a_row = layout.a_transposed ? 1 : k + layout.a_gap, a_k = layout.a_transposed ? rows + layout.a_gap : 1;
  const int64_t b_k = layout.b_transposed ? 1 : n + layout.b_gap, b_n = layout.b_transposed ? k + layout.b_gap : 1;
  // One element past the last one used would be out of bounds: the sanitizers watch.
  const std::vector<T> a = numbers<T>((rows - 1) * a_row + (k - 1) * a_k + 1, 1);
  const std::vector<T> b = numbers<T>((k - 1) * b_k + (n - 1) * b_n + 1, 2);
  const std::vector<T> bias = numbers<T>(n, 3);
  const int64_t panels = (n + kernel.panel_columns - 1) / kernel.panel_columns;

  AlignedBuffer<T> packed;
  CHECK(packed.allocate(kernel.packed_size(k, n)));
  for (int64_t panel = 0; panel < panels; ++panel)
    kernel.pack({b.data(), b_k, b_n}, k, n, panel, panel + 1, packed.data());

  constexpr T kUntouched = T(12345);
  const int64_t stride = n + 3;
  std::vector<T> c(static_cast<size_t>((rows - 1) * stride + n), kUntouched);
  LinearProduct product{{a.data(), a_row, a_k}, packed.data(), k, n, c.data(), stride};
  product.bias = layout.bias ? bias.data() : nullptr;
  product.epilogue = layout.relu ? Epilogue::kRelu : Epilogue::kStore;
  product.block = block;
  const int64_t middle_row = rows / 2, middle_panel = panels / 2;  // four ranges instead of one
  for (int quarter = 0; quarter < 4; ++quarter) {
    const bool lower = quarter & 1, right = quarter & 2;
    kernel.multiply(product, lower ? middle_row : 0, lower ? rows : middle_row, right ? middle_panel : 0,
                    right ? panels : middle_panel);
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t j = 0; j < stride && row * stride + j < static_cast<int64_t>(c.size()); ++j) {
      const T wanted = j < n ? expected(a, a_row, a_k, b, b_k, b_n, bias, layout, shape, row, j) : kUntouched;
      CHECK_SAME_BITS(at(c, row * stride + j), wanted);
    }
  }
}

// The same numbers when B and C lie in panels: a layer's outputs (rows) of a batch (columns).
template <class T>
void check_panels(const LinearKernel& kernel, int64_t rows, int64_t k, int64_t n, Epilogue epilogue, bool with_bias) {
  const int64_t width = kernel.panel_columns, panels = (n + width - 1) / width;
  const std::vector<T> a = numbers<T>(rows * k, 1), b = numbers<T>(panels * k * width, 2), bias = numbers<T>(rows, 3);
  std::vector<T> gate = numbers<T>(panels * rows * width, 4);
  for (T& value : gate) value = relu(value);
  std::vector<T> c(gate.size());
  LinearProduct product{{a.data(), k, 1}, b.data(), k, n, c.data(), width, rows * width};
  product.bias = with_bias ? bias.data() : nullptr;
  product.epilogue = epilogue;
  product.gate = gate.data();
  kernel.multiply(product, 0, rows / 3, 0, panels);
  kernel.multiply(product, rows / 3, rows, 0, panels / 2);
  kernel.multiply(product, rows / 3, rows, panels / 2, panels);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < n; ++column) {
      T wanted = 0;
      for (int64_t i = 0; i < k; ++i) {
        wanted = std::fma(at(a, row * k + i), at(b, (column / width * k + i) * width + column % width), wanted);
      }
      if (with_bias) wanted += at(bias, row);
      const int64_t place = (column / width * rows + row) * width + column % width;
      if (epilogue == Epilogue::kRelu) wanted = relu(wanted);
      if (epilogue == Epilogue::kReluGradient) wanted *= at(gate, place) > 0 ? T(1) : T(0);
      CHECK_SAME_BITS(at(c, place), wanted);
    }
  }
}

// A in segments: the gradient of a weight, where k counts rows of a batch in panels.
template <class T>
void check_segments(const LinearKernel& kernel, int64_t rows, int64_t k, int64_t n) {
  const int64_t width = kernel.panel_columns, panels = (k + width - 1) / width;
  const std::vector<T> a = numbers<T>(panels * rows * width, 1), b = numbers<T>(k * n, 2);
  AlignedBuffer<T> packed;
  CHECK(packed.allocate(kernel.packed_size(k, n)));
  const int64_t columns = (n + width - 1) / width;
  kernel.pack({b.data(), n, 1}, k, n, 0, columns, packed.data());
  std::vector<T> c(static_cast<size_t>(rows * n));
  LinearProduct product{{a.data(), width, 1}, packed.data(), k, n, c.data(), n};
  product.block = kReduceBlock;
  product.segment = width;
  product.segment_stride = rows * width;
  kernel.multiply(product, 0, rows, 0, columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < n; ++column) {
      T total = 0;
      for (int64_t begin = 0; begin < k; begin += kReduceBlock) {
        T sum = 0;
        for (int64_t i = begin; i < std::min(begin + kReduceBlock, k); ++i) {
          sum = std::fma(at(a, (i / width * rows + row) * width + i % width), at(b, i * n + column), sum);
        }
        total = begin == 0 ? sum : total + sum;
      }
      CHECK_SAME_BITS(at(c, row * n + column), total);
    }
  }
}

template <class T>
void check_kernel(const LinearKernel& kernel) {
  for (int64_t rows = 1; rows <= 2 * kernel.max_rows + 1; ++rows) {
    for (const int64_t n : {1, 3, 8, 10, 16, 17, 33, 70, 130}) {
      check_product<T>(kernel, {rows, 5, n, 0}, {false, true, true, 0, 0});
    }
  }
  for (const int64_t k : {1, 2, 7, 16, 17, 511, 512, 513, 1025}) {
    check_product<T>(kernel, {3, k, 21, 0}, {false, true, true, 1, 2});              // forward
    check_product<T>(kernel, {3, k, 21, 0}, {false, false, false, 0, 1});            // input gradient
    check_product<T>(kernel, {9, k, 21, kReduceBlock}, {true, false, false, 2, 0});  // weight gradient
    check_product<T>(kernel, {2, k, 5, 4}, {true, true, true, 0, 0});
  }
  check_product<T>(kernel, {5, 9, 37, 0}, {false, true, true, 0, 0, true});
  check_product<T>(kernel, {5, 9, 37, 4}, {false, true, false, 0, 0, true});
  for (const int64_t rows : {1, 2, 3, 7, 8, 9, 20}) {
    for (const int64_t n : {1, 5, 16, 17, 31, 32, 33, 64, 100, 128, 130}) {
      check_panels<T>(kernel, rows, 6, n, Epilogue::kRelu, true);
      check_panels<T>(kernel, rows, 1, n, Epilogue::kStore, n % 2 == 0);
      check_panels<T>(kernel, rows, 3, n, Epilogue::kReluGradient, false);
    }
    for (const int64_t k : {1, 8, 31, 32, 33, 100, 512, 513, 1030}) check_segments<T>(kernel, rows, k, 2 * rows);
  }
}

}  // namespace

int main() {
  for (int i = 0; i < isa_count(); ++i) {
    const KernelTable* table = isa_table(i);
    if (!isa_supported(table)) continue;
    const long failures_before = check::failures;
    check_kernel<float>(table->linear->of[SPRAT_FLOAT32]);
    check_kernel<double>(table->linear->of[SPRAT_FLOAT64]);
    if (check::failures > failures_before) std::cerr << "... on " << table->isa << '\n';
  }
  return check::report();
}
