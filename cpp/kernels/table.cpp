#include "kernels/table.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

namespace sprat::SPRAT_ISA {

extern const OptimizerKernels optimizer_kernels;
extern const PruneKernels prune_kernels;
extern const ActivationKernels activation_kernels;
extern const LossKernels loss_kernels;
extern const LinearKernels linear_kernels;
extern const LayerKernels layer_kernels;
extern const QuantizeKernels quantize_kernels;
extern const ReduceKernels reduce_kernels;
extern const LinearInt8Kernels linear_int8_kernels;

extern const KernelTable kernel_table;
const KernelTable kernel_table = {
    SPRAT_STRING(SPRAT_ISA),
    &optimizer_kernels,
    &prune_kernels,
    &activation_kernels,
    &loss_kernels,
    &linear_kernels,
    &layer_kernels,
    &quantize_kernels,
    &reduce_kernels,
    &linear_int8_kernels,
};

}  // namespace sprat::SPRAT_ISA
