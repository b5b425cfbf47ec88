// Matrix products over threads.
#pragma once

#include "api/mlp.h"
#include "kernels/table.h"

namespace sprat {

// Multiply-adds that are worth handing to another thread, a few microseconds of them.
inline constexpr int64_t kProductGrain = int64_t{1} << 17;

// How many units of `cost` multiply-adds make a range worth a thread.
inline int64_t grain_of(int64_t cost) { return 1 + kProductGrain / (cost > 0 ? cost : 1); }

inline int64_t panel_count(const LinearKernel& kernel, int64_t n) {
  return (n + kernel.panel_columns - 1) / kernel.panel_columns;
}

// Multiply-adds for each row that fall on lanes without an output where outputs are the lanes.
inline int64_t idle_lanes(const LinearKernel& kernel, int64_t k, int64_t n) {
  return k * (kernel.packed_size(1, n) - n);
}

// Whether a batch is better computed in panels, where rows are the lanes, though `turned` elements of each row must be
// turned into lanes or back. An element turned costs as much as some ten multiply-adds: see kernels/README.md.
inline bool pays_in_panels(int64_t idle, int64_t turned) { return idle > 10 * turned; }

// Packs all panels of B (k x n).
void pack_all(const LinearKernel& kernel, const Matrix& b, int64_t k, int64_t n, void* packed);

// The left factor (rows x k) of a product with a batch in panels: row-major, or packed as B of another product is
// (LinearKernel::pack of its transpose), whose panels then hold panel_columns of its rows each.
struct Factor {
  const void* data;
  int64_t rows, k;
  bool packed;

  // Ranges of rows begin at multiples of this.
  int64_t unit(const LinearKernel& kernel) const { return packed ? kernel.panel_columns : kernel.max_rows; }
  int64_t units(const LinearKernel& kernel) const { return (rows + unit(kernel) - 1) / unit(kernel); }
};

// Units [begin, end) of the factor's rows times all columns of product.b; product.a, k and c_stride follow from the
// factor.
void multiply_batch(const LinearKernel& kernel, int64_t element_size, const Factor& factor, LinearProduct product,
                    int64_t begin, int64_t end);

}  // namespace sprat
