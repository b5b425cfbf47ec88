// The backward pass: Rumelhart, Hinton & Williams 1986.
//
//   dz[l]     = dy[l] * activation'(z[l])            dy of the last layer is the loss's gradient
//   dy[l - 1] = dz[l] weight[l]                      then through fake quantization and dropout
//   dw[l]     = dz[l]^T x[l],   db[l] = sum of the rows of dz[l]
#pragma once

#include "api/workspace.h"

namespace sprat {

// False: there was no memory.
bool backward(const sprat_mlp& mlp, const void* params, sprat_workspace& workspace, const void* grad_output,
              const sprat_mlp_gradients& gradients);

}  // namespace sprat
