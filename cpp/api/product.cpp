#include "api/product.h"

#include <algorithm>
#include <atomic>

#include "core/parallel.h"
#include "core/scratch.h"

namespace sprat {
namespace {

// Elements whose copy is worth handing to another thread.
constexpr int64_t kPackGrain = int64_t{1} << 16;

}  // namespace

void pack_all(const LinearKernel& kernel, const Matrix& b, int64_t k, int64_t n, void* packed) {
  const int64_t grain = 1 + kPackGrain / (k * kernel.panel_columns);
  parallel_for(panel_count(kernel, n), grain,
               [&](int64_t begin, int64_t end) { kernel.pack(b, k, n, begin, end, packed); });
}

void multiply_all(const LinearKernel& kernel, const LinearProduct& product, int64_t rows) {
  const int64_t grain = grain_of(rows * product.k * kernel.panel_columns);
  parallel_for(panel_count(kernel, product.n), grain,
               [&](int64_t begin, int64_t end) { kernel.multiply(product, 0, rows, begin, end); });
}

bool multiply_unpacked(const LinearKernel& kernel, int64_t element_size, const Matrix& a, const Matrix& b, int64_t m,
                       int64_t k, int64_t n, void* c) {
  const int64_t panels = panel_count(kernel, n), tiles = (m + kernel.max_rows - 1) / kernel.max_rows;
  if (panels < 4 && tiles > panels) {
    // A narrow B: packed once, and the rows of C spread over the threads.
    Scratch scratch;
    void* packed = scratch.bytes(kernel.packed_size(k, n) * element_size);
    if (!packed) return false;
    pack_all(kernel, b, k, n, packed);
    const LinearProduct product{a, packed, k, n, c, n, nullptr, kReduceBlock};
    const int64_t grain = grain_of(k * n * kernel.max_rows) * kernel.max_rows;
    parallel_for(m, grain, [&](int64_t begin, int64_t end) { kernel.multiply(product, begin, end, 0, panels); });
    return true;
  }
  std::atomic<bool> has_memory{true};
  parallel_for(panels, grain_of(m * k * kernel.panel_columns), [&](int64_t begin, int64_t end) {
    Scratch scratch;
    void* packed = scratch.bytes(kernel.packed_size(k, kernel.panel_columns) * element_size);
    if (!packed) {
      has_memory = false;
      return;
    }
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * kernel.panel_columns;
      const int64_t columns = std::min(n - first, kernel.panel_columns);
      const Matrix b_panel{advance(b.data, first * b.column_stride, element_size), b.row_stride, b.column_stride};
      kernel.pack(b_panel, k, columns, 0, 1, packed);
      const LinearProduct product{a, packed, k, columns, advance(c, first, element_size), n, nullptr, kReduceBlock};
      kernel.multiply(product, 0, m, 0, 1);
    }
  });
  return has_memory;
}

}  // namespace sprat
