// One pass of an optimizer over tensors: gradient scaling and clipping, update, mask and moving average.
#pragma once

#include <cstdint>

#include "core/macros.h"
#include "sprat/sprat.h"

namespace sprat {

// torch.nn.utils.clip_grad_norm_: min(1, clip_norm / (norm + 1e-6)). A norm that is NaN makes every gradient NaN.
SPRAT_HD inline double clip_coefficient(double clip_norm, double norm) {
  const double coefficient = clip_norm / (norm + 1e-6);
  return coefficient >= 1 ? 1 : coefficient;
}

// What the pass does around the formula, the same for every tensor of a step.
struct OptimizerPass {
  double grad_scale;  // min(1, clip_norm / norm), or 1
  double clip_value;  // infinity: no clamp
  double ema_decay;
};

// The tensors of a group lie end to end on one line of elements; this updates elements [begin, end) of the line.
using OptimizerStep = void (*)(const sprat_optimizer_params&, const OptimizerPass&, const sprat_optimizer_tensor*,
                               int64_t num_tensors, int64_t begin, int64_t end);

struct OptimizerKernel {
  const char* name;
  const char* states[SPRAT_OPTIMIZER_MAX_STATES];  // their names
  int32_t num_states;
  void (*advance)(sprat_optimizer_params&);  // from one step to the next
  OptimizerStep step[2];                     // by sprat_dtype: float32, float64
};

struct OptimizerKernels {
  const OptimizerKernel* list;
  int32_t count;
};

}  // namespace sprat
