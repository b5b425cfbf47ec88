// Batches in panels, on every instruction set of this machine: there and back, as rows of a product, their sums in the
// order that kernels/batch.h promises, and dropout that depends on the row alone.
#include <algorithm>
#include <vector>

#include "api/dispatch.h"
#include "check.h"
#include "core/align.h"
#include "core/rng.h"
#include "kernels/reduce.h"

using namespace sprat;

namespace {

template <class T>
struct Batch {
  Batch(const LinearKernel& linear, const BatchKernel& kernel, int64_t num_rows, int64_t num_columns)
      : rows(num_rows), columns(num_columns), width(linear.panel_columns), panels((rows + width - 1) / width) {
    x.resize(static_cast<size_t>(rows * columns));
    for (size_t i = 0; i < x.size(); ++i) x[i] = T(2 * uniform_double_at(Philox(3), 1, i) - 1);
    CHECK(memory.allocate(panels * width * columns));
    kernel.to_panels(x.data(), rows, columns, 0, panels / 2, memory.data());
    kernel.to_panels(x.data(), rows, columns, panels / 2, panels, memory.data());
  }
  int64_t place(int64_t row, int64_t column) const { return (row / width * columns + column) * width + row % width; }
  T at(int64_t row, int64_t column) const { return x[static_cast<size_t>(row * columns + column)]; }

  int64_t rows, columns, width, panels;
  std::vector<T> x;
  AlignedBuffer<T> memory;
};

template <class T>
void check_layout(const LinearKernel& linear, const BatchKernel& kernel, int64_t rows, int64_t columns) {
  const Batch<T> batch(linear, kernel, rows, columns);
  for (int64_t row = 0; row < batch.panels * batch.width; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      CHECK_SAME_BITS(batch.memory[batch.place(row, column)], row < rows ? batch.at(row, column) : T(0));
    }
  }
  std::vector<T> back(batch.x.size(), T(7));
  kernel.from_panels(batch.memory.data(), rows, columns, 0, batch.panels, back.data());
  CHECK(back == batch.x);

  const int64_t targets = (columns + batch.width - 1) / batch.width;
  AlignedBuffer<T> packed, wanted;
  CHECK(packed.allocate(linear.packed_size(rows, columns)) && wanted.allocate(packed.size()));
  packed.fill_zero();
  wanted.fill_zero();
  linear.pack({batch.x.data(), columns, 1}, rows, columns, 0, targets, wanted.data());
  kernel.pack_rows(batch.memory.data(), rows, columns, 0, targets, packed.data());
  CHECK(std::equal(packed.begin(), packed.end(), wanted.begin()));
  kernel.pack_rows(batch.memory.data(), rows, columns, targets - 1, targets, packed.data());
  const int64_t last = (targets - 1) * batch.width * rows;
  CHECK(std::equal(wanted.begin() + last, wanted.end(), packed.begin()));
}

template <class T>
void check_sums(const LinearKernel& linear, const BatchKernel& kernel, int64_t rows, int64_t columns) {
  const Batch<T> batch(linear, kernel, rows, columns);
  std::vector<T> sums(static_cast<size_t>(columns));
  kernel.sum_rows(batch.memory.data(), rows, columns, 0, columns / 3, sums.data());
  kernel.sum_rows(batch.memory.data(), rows, columns, columns / 3, columns, sums.data());
  for (int64_t column = 0; column < columns; ++column) {
    T total = 0;
    for (int64_t begin = 0; begin < rows; begin += kReduceBlock) {
      T lanes[kReduceLanes] = {};
      for (int64_t row = begin; row < std::min(begin + kReduceBlock, rows); ++row) {
        lanes[row % kReduceLanes] += batch.at(row, column);
      }
      for (int half = kReduceLanes / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
      }
      total = begin == 0 ? lanes[0] : total + lanes[0];
    }
    CHECK_SAME_BITS(sums[static_cast<size_t>(column)], total);
  }
}

template <class T>
void check_dropout(const LinearKernel& linear, const BatchKernel& kernel, int64_t rows, int64_t columns) {
  const Batch<T> batch(linear, kernel, rows, columns);
  const Dropout dropout{11, 5, 0.25, columns};
  AlignedBuffer<T> dropped;
  CHECK(dropped.allocate(batch.memory.size()));
  kernel.dropout(dropout, 40, 0, batch.panels, batch.memory.data(), dropped.data());
  const auto blocks = static_cast<uint64_t>((columns + 3) / 4);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const uint64_t index = static_cast<uint64_t>(40 + row) * blocks + static_cast<uint64_t>(column / 4);
      const float uniform = uniform_float(Philox(11).block(5, index).word[column % 4]);
      const T wanted = uniform < 0.25f ? T(0) : batch.at(row, column) * T(1 / 0.75);
      CHECK_SAME_BITS(dropped[batch.place(row, column)], wanted);
    }
  }
}

template <class T>
void check_kernels(const LinearKernel& linear, const BatchKernel& kernel) {
  for (const int64_t rows : {1, 2, 15, 16, 17, 31, 32, 33, 64, 100}) {
    for (const int64_t columns : {1, 3, 8, 10, 16, 17, 33, 70}) {
      check_layout<T>(linear, kernel, rows, columns);
      check_dropout<T>(linear, kernel, rows, columns);
    }
  }
  for (const int64_t rows : {1, 2, 16, 17, 511, 512, 513, 1030}) {
    for (const int64_t columns : {1, 7, 65}) check_sums<T>(linear, kernel, rows, columns);
  }
}

}  // namespace

int main() {
  for (int i = 0; i < isa_count(); ++i) {
    const KernelTable* table = isa_table(i);
    if (!isa_supported(table)) continue;
    const long failures_before = check::failures;
    check_kernels<float>(table->linear->of[SPRAT_FLOAT32], table->batch->of[SPRAT_FLOAT32]);
    check_kernels<double>(table->linear->of[SPRAT_FLOAT64], table->batch->of[SPRAT_FLOAT64]);
    if (check::failures > failures_before) std::cerr << "... on " << table->isa << '\n';
  }
  return check::report();
}
