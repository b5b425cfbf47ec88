// The sum of squares of an array, as the norm of a gradient begins.
#include "cuda/reduce.h"
#include "cuda/scratch.h"
#include "cuda/status.h"

using namespace sprat;

sprat_status sprat_cuda_sum_of_squares(sprat_dtype dtype, const void* x, int64_t length, double* squares,
                                       void* stream) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(length >= 0, "length: wanted at least 0, got %lld", shown(length));
  SPRAT_REQUIRE(squares, "squares must not be NULL");
  if (length > 0) SPRAT_RETURN_IF_REFUSED(check_array("x", x, item_size(dtype)));
  sprat_optimizer_tensor tensor{};
  tensor.size = sizeof tensor;
  tensor.length = length;
  tensor.grad = x;
  sprat_optimizer_group group{};
  group.size = sizeof group;
  group.dtype = dtype;
  group.tensors = &tensor;
  group.num_tensors = 1;
  cuda::Scratch lanes(stream), result(stream);
  SPRAT_RETURN_IF_REFUSED(lanes.allocate(cuda::kNormLanes * static_cast<int64_t>(sizeof(double))));
  SPRAT_RETURN_IF_REFUSED(result.allocate(sizeof(cuda::NormResult)));
  auto* found = result.as<cuda::NormResult>();
  SPRAT_RETURN_IF_REFUSED(cuda::gradient_norm(&group, 1, 0, lanes.as<double>(), found, stream));
  return cuda::fetch(squares, &found->squares, stream);
}
