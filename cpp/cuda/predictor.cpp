// Predictors: the doors, and the one of float32 and float64 networks.
#include "cuda/predictor.h"

#include <algorithm>
#include <memory>
#include <new>

#include "api/mlp_checks.h"
#include "cuda/network.h"

namespace sprat::cuda {
namespace {

class MlpPredictor final : public sprat_cuda_predictor {
 public:
  sprat_status copy(const sprat_cuda_mlp& mlp, const void* params, void* stream) {
    mlp_.structure = mlp.structure;
    dtype = mlp.structure.dtype;
    in_features = mlp.structure.layers.front().in_features;
    out_features = mlp.structure.layers.back().out_features;
    const int64_t bytes = mlp.structure.num_params * mlp.structure.element_size();
    SPRAT_RETURN_IF_REFUSED(params_.allocate(std::max<int64_t>(bytes, 1)));
    SPRAT_RETURN_IF_REFUSED(sprat_cuda_copy(params_.data(), params, bytes, stream));
    return sprat_cuda_synchronize(stream);
  }

  sprat_status run(const void* x, int64_t rows, void* out, void* stream) const override {
    return sprat_cuda_mlp_forward(&mlp_, params_.data(), x, rows, mlp_.structure.num_layers() - 1, nullptr, out,
                                  stream);
  }

 private:
  sprat_cuda_mlp mlp_;
  DeviceMemory params_;
};

}  // namespace
}  // namespace sprat::cuda

using namespace sprat;

sprat_status sprat_cuda_predictor_create_mlp(const sprat_cuda_mlp* mlp, const void* params, void* stream,
                                             sprat_cuda_predictor** predictor) noexcept {
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(&mlp->structure, params, nullptr, 0, nullptr));
  try {
    auto made = std::make_unique<cuda::MlpPredictor>();
    SPRAT_RETURN_IF_REFUSED(made->copy(*mlp, params, stream));
    *predictor = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "predictor: no memory");
  }
  return SPRAT_OK;
}

void sprat_cuda_predictor_destroy(sprat_cuda_predictor* predictor) noexcept { delete predictor; }

int64_t sprat_cuda_predictor_in_features(const sprat_cuda_predictor* predictor) noexcept {
  return predictor ? predictor->in_features : -1;
}

int64_t sprat_cuda_predictor_out_features(const sprat_cuda_predictor* predictor) noexcept {
  return predictor ? predictor->out_features : -1;
}

sprat_dtype sprat_cuda_predictor_dtype(const sprat_cuda_predictor* predictor) noexcept {
  return predictor ? predictor->dtype : SPRAT_FLOAT32;
}

sprat_status sprat_cuda_predictor_run(const sprat_cuda_predictor* predictor, const void* x, int64_t rows, void* out,
                                      void* stream) noexcept {
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_REQUIRE(rows >= 0, "rows: wanted at least 0, got %lld", shown(rows));
  if (rows == 0) return SPRAT_OK;
  SPRAT_REQUIRE(rows < int64_t{1} << 40 && size_fits(rows, std::max(predictor->in_features, predictor->out_features)),
                "rows: %lld rows are more than there is memory for", shown(rows));
  const int64_t size = item_size(predictor->dtype);
  SPRAT_RETURN_IF_REFUSED(check_array("x", x, size));
  SPRAT_RETURN_IF_REFUSED(check_array("out", out, size));
  SPRAT_REQUIRE(!overlap(out, rows * predictor->out_features * size, x, rows * predictor->in_features * size),
                "out must not overlap x");
  return predictor->run(x, rows, out, stream);
}
