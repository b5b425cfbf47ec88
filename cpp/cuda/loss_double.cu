#include "cuda/loss_launch.h"

namespace sprat::cuda {
const LossKernels loss_double = loss_kernels<double>;
}  // namespace sprat::cuda
