// The network as Python objects hold it. Arrays are addresses; shapes are the caller's promise, checked in sprat.cuda.
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "cuda/bindings/common.h"

namespace sprat::cuda::bindings {

struct NetworkDeleter {
  void operator()(sprat_cuda_mlp* mlp) const { sprat_cuda_mlp_destroy(mlp); }
  void operator()(sprat_cuda_workspace* workspace) const { sprat_cuda_workspace_destroy(workspace); }
};

struct Mlp {
  std::unique_ptr<sprat_cuda_mlp, NetworkDeleter> handle;
  int64_t num_layers;
};

struct Workspace {
  std::unique_ptr<sprat_cuda_workspace, NetworkDeleter> handle;
};

inline sprat_dtype dtype_of(const std::string& name) {
  if (name != "float32" && name != "float64") {
    throw nb::value_error(("dtype: wanted float32 or float64, got " + name).c_str());
  }
  return name == "float64" ? SPRAT_FLOAT64 : SPRAT_FLOAT32;
}

// What a loss is told besides its arrays; class_weight and pos_weight are addresses.
struct LossParams {
  LossParams(const std::string& name, double label_smoothing, double delta, Address class_weight, Address pos_weight,
             double temperature, double alpha)
      : native{sizeof(sprat_loss_params),
               sprat_cuda_loss_find(name.c_str()),
               label_smoothing,
               delta,
               temperature,
               alpha,
               pointer(class_weight),
               pointer(pos_weight)} {
    if (native.loss < 0) throw nb::value_error(("loss: there is no '" + name + "'").c_str());
  }
  sprat_loss_params native;
};

inline sprat_target target_kind(bool classes) { return classes ? SPRAT_TARGET_CLASSES : SPRAT_TARGET_NUMBERS; }

}  // namespace sprat::cuda::bindings
