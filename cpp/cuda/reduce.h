// Reductions over device memory, in the order of kernels/reduce.h.
#pragma once

#include <cstdint>

#include "kernels/reduce.h"
#include "sprat/sprat.h"

namespace sprat::cuda {

// What a step knows of its gradients when their norm is found.
struct NormResult {
  double squares, norm;
  double scale;  // min(1, clip_norm / norm), or 1 where clip_norm is 0
};

// Of all gradients of all groups, end to end on one line. `result` and `lanes` are device memory.
constexpr int64_t kNormLanes = kMostBlocks * kReduceLanes;
sprat_status gradient_norm(const sprat_optimizer_group* groups, int64_t num_groups, double clip_norm, double* lanes,
                           NormResult* result, void* stream);

// *count += how many of x are NaN or infinite; of those where a mask (nullable) is not 0.
sprat_status add_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t n, unsigned long long* count,
                           void* stream);

}  // namespace sprat::cuda
