// The predictor as Python objects hold it; other topics make further kinds of it.
#pragma once

#include <memory>

#include "bindings/array.h"

namespace sprat::bindings {

struct PredictorDeleter {
  void operator()(sprat_predictor* predictor) const { sprat_predictor_destroy(predictor); }
};

struct Predictor {
  explicit Predictor(sprat_predictor* predictor)
      : handle(predictor),
        dtype(sprat_predictor_dtype(predictor) == SPRAT_FLOAT32 ? Dtype::kFloat32 : Dtype::kFloat64),
        in_features(sprat_predictor_in_features(predictor)),
        out_features(sprat_predictor_out_features(predictor)) {}

  std::unique_ptr<sprat_predictor, PredictorDeleter> handle;
  Dtype dtype;
  int64_t in_features, out_features;
};

}  // namespace sprat::bindings
