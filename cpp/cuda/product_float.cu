#include "cuda/product_launch.h"

namespace sprat::cuda {

int64_t product_parts(int64_t m, int64_t n, int64_t k) {
  const int64_t parts = tiles_of(k, kRowBlock), tiles = tiles_of(m, kSmallTile) * tiles_of(n, kSmallTile);
  constexpr int64_t kFewTiles = 256;
  return parts > 1 && tiles < kFewTiles && parts <= 65535 ? parts * m * n : 0;
}

sprat_status multiply(ProductForm form, const Product<float>& product, void* stream) {
  return launch_multiply(form, product, stream);
}
sprat_status sum_rows(const float* dz, int64_t rows, int64_t columns, float* db, void* stream) {
  return launch_sum_rows(dz, rows, columns, db, stream);
}

}  // namespace sprat::cuda
