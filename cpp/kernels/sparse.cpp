#include "kernels/sparse.h"

#include "kernels/sparse_blocks.h"
#include "kernels/sparse_lists.h"
#include "kernels/sparse_steps.h"

namespace sprat::SPRAT_ISA {
extern const SparseKernels sparse_kernels;
const SparseKernels sparse_kernels = {kRowsInPanels, multiply_steps, multiply_lists, multiply_blocks};
}  // namespace sprat::SPRAT_ISA
