#include "api/product.h"

#include <algorithm>

#include "core/parallel.h"
#include "core/round_up.h"

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

void multiply_batch(const LinearKernel& kernel, int64_t element_size, const Factor& factor, LinearProduct product,
                    int64_t begin, int64_t end) {
  const int64_t unit = factor.unit(kernel), panels = panel_count(kernel, product.n);
  product.k = factor.k;
  product.c_stride = kernel.panel_columns;
  product.c_panel_stride = factor.rows * kernel.panel_columns;
  if (!factor.packed) {
    product.a = {factor.data, factor.k, 1};
    kernel.multiply(product, begin * unit, std::min(end * unit, factor.rows), 0, panels);
    return;
  }
  const LinearProduct whole = product;
  for (int64_t u = begin; u < end; ++u) {
    const int64_t first = u * unit, rows = std::min(factor.rows - first, unit);
    const int64_t width = kernel.packed_size(1, rows);
    product.a = {advance(factor.data, first * factor.k, element_size), 1, width};
    product.c = advance(whole.c, first * unit, element_size);
    if (whole.bias) product.bias = advance(whole.bias, first, element_size);
    if (whole.gate) product.gate = advance(whole.gate, first * unit, element_size);
    kernel.multiply(product, 0, rows, 0, panels);
  }
}

}  // namespace sprat
