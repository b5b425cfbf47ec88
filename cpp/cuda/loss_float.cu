#include "cuda/loss_launch.h"

namespace sprat::cuda {
const LossKernels loss_float = loss_kernels<float>;
}  // namespace sprat::cuda
