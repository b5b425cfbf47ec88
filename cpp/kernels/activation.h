// An activation over a contiguous run of elements, and its gradient.
//
// Any of the arrays may be the same array: each element is read before its result is written. A matrix product that
// applies an activation in its epilogue uses the formula itself (formulas/activation/list.h).
#pragma once

#include <cstdint>

namespace sprat {

// y = f(z)
using ActivationForward = void (*)(const void* z, void* y, int64_t n);
// grad_z = grad_y * f'(z). z may be nullptr unless needs_input: f' then follows from y = f(z) alone.
using ActivationBackward = void (*)(const void* z, const void* y, const void* grad_y, void* grad_z, int64_t n);

struct ActivationKernel {
  const char* name;
  bool needs_input;
  ActivationForward forward[2];  // by sprat_dtype: float32, float64
  ActivationBackward backward[2];
};

struct ActivationKernels {
  const ActivationKernel* list;
  int32_t count;
};

}  // namespace sprat
