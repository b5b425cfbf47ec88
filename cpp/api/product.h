// Matrix products over threads.
#pragma once

#include "api/mlp.h"
#include "kernels/table.h"

namespace sprat {

// Multiply-adds that are worth handing to another thread, a few microseconds of them.
inline constexpr int64_t kProductGrain = int64_t{1} << 17;
// Bytes of activations that a thread takes through all layers at once: half of a small second-level cache.
inline constexpr int64_t kChunkBytes = 128 << 10;

inline int64_t panel_count(const LinearKernel& kernel, int64_t n) {
  return (n + kernel.panel_columns - 1) / kernel.panel_columns;
}

// How many units of `cost` multiply-adds make a range worth a thread.
inline int64_t grain_of(int64_t cost) { return 1 + kProductGrain / (cost > 0 ? cost : 1); }

// Packs all panels of B (k x n).
void pack_all(const LinearKernel& kernel, const Matrix& b, int64_t k, int64_t n, void* packed);

// Rows [0, rows) of a product whose B is packed; panels are spread over threads if the work is worth it.
void multiply_all(const LinearKernel& kernel, const LinearProduct& product, int64_t rows);

// C (m x n, contiguous) = A (m x k) B (k x n), neither packed, where k counts rows of a batch. Each thread packs the
// panels of B it works on. False: there was no memory.
bool multiply_unpacked(const LinearKernel& kernel, int64_t element_size, const Matrix& a, const Matrix& b, int64_t m,
                       int64_t k, int64_t n, void* c);

}  // namespace sprat
