#include "cuda/product_launch.h"

namespace sprat::cuda {

sprat_status multiply(ProductForm form, const Product<double>& product, void* stream) {
  return launch_multiply(form, product, stream);
}
sprat_status sum_rows(const double* dz, int64_t rows, int64_t columns, double* db, void* stream) {
  return launch_sum_rows(dz, rows, columns, db, stream);
}

}  // namespace sprat::cuda
