// Products alone: the C function.
#include "cuda/product.h"
#include "cuda/scratch.h"

namespace sprat::cuda {
namespace {

template <class T>
sprat_status multiply_of(sprat_cuda_product product, const void* a, const void* b, void* c, int64_t m, int64_t n,
                         int64_t k, void* stream) {
  const auto form = static_cast<ProductForm>(product);
  Product<T> p{static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(c), m, n, k};
  Scratch scratch(stream);
  if (form == ProductForm::kWeightGradient) {
    SPRAT_RETURN_IF_REFUSED(scratch.allocate(product_parts(m, n, k) * static_cast<int64_t>(sizeof(T))));
    p.parts = scratch.as<T>();
  }
  return multiply(form, p, stream);
}

}  // namespace
}  // namespace sprat::cuda

using namespace sprat;

sprat_status sprat_cuda_multiply(sprat_dtype dtype, sprat_cuda_product product, const void* a, const void* b, void* c,
                                 int64_t m, int64_t n, int64_t k, void* stream) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(product >= SPRAT_CUDA_FORWARD && product <= SPRAT_CUDA_WEIGHT_GRADIENT,
                "product: there is no product %d", static_cast<int>(product));
  SPRAT_REQUIRE(m >= 0 && n >= 0 && k >= 1 && size_fits(m, n) && size_fits(m, k) && size_fits(k, n),
                "m, n, k: wanted 0, 0, 1 or more, and what fits memory, got %lld, %lld, %lld", shown(m), shown(n),
                shown(k));
  if (m == 0 || n == 0) return SPRAT_OK;
  const int64_t size = item_size(dtype);
  SPRAT_RETURN_IF_REFUSED(check_array("a", a, size));
  SPRAT_RETURN_IF_REFUSED(check_array("b", b, size));
  SPRAT_RETURN_IF_REFUSED(check_array("c", c, size));
  SPRAT_REQUIRE(!overlap(c, m * n * size, a, m * k * size) && !overlap(c, m * n * size, b, k * n * size),
                "c must overlap neither a nor b");
  if (dtype == SPRAT_FLOAT64) return cuda::multiply_of<double>(product, a, b, c, m, n, k, stream);
  return cuda::multiply_of<float>(product, a, b, c, m, n, k, stream);
}
