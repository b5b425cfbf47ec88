// One pass of an optimizer over a tensor: gradient scaling and clipping, update, mask and moving average.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

// What the pass does around the formula, the same for every tensor of a step.
struct OptimizerPass {
  double grad_scale;  // min(1, clip_norm / norm), or 1
  double clip_value;  // 0: no clamp
  double ema_decay;
};

// Updates elements [begin, end) of one tensor.
using OptimizerStep = void (*)(const sprat_optimizer_params&, const OptimizerPass&, const sprat_optimizer_tensor&,
                               int64_t begin, int64_t end);

struct OptimizerKernel {
  const char* name;
  int32_t num_states;
  OptimizerStep step[2];  // by sprat_dtype: float32, float64
};

struct OptimizerKernels {
  const OptimizerKernel* list;
  int32_t count;
};

}  // namespace sprat
