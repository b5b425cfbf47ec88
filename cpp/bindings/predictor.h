// The predictor as Python objects hold it; other topics make further kinds of it.
#pragma once

#include <memory>

#include "bindings/runner.h"

namespace sprat::bindings {

struct PredictorDeleter {
  void operator()(sprat_predictor* predictor) const { sprat_predictor_destroy(predictor); }
};

struct Predictor final : Runner {
  explicit Predictor(sprat_predictor* predictor)
      : Runner{sprat_predictor_dtype(predictor) == SPRAT_FLOAT32 ? Dtype::kFloat32 : Dtype::kFloat64,
               sprat_predictor_in_features(predictor), sprat_predictor_out_features(predictor),
               sprat_predictor_multiply_adds(predictor)},
        handle(predictor) {}

  sprat_status run(const void* x, int64_t rows, void* out) const noexcept override {
    return sprat_predictor_run(handle.get(), x, rows, out);
  }

  std::unique_ptr<sprat_predictor, PredictorDeleter> handle;
};

}  // namespace sprat::bindings
