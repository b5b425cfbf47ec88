#include "kernels/table.h"

#define SPRAT_STRING_(x) #x
#define SPRAT_STRING(x) SPRAT_STRING_(x)

namespace sprat::SPRAT_ISA {

extern const OptimizerKernels optimizer_kernels;
extern const PruneKernels prune_kernels;
extern const ActivationKernels activation_kernels;
extern const LossKernels loss_kernels;
extern const LinearKernels linear_kernels;
extern const BatchKernels batch_kernels;
extern const LayerKernels layer_kernels;
extern const QuantizeKernels quantize_kernels;
extern const ReduceKernels reduce_kernels;
extern const LinearInt8Kernels linear_int8_kernels;
extern const LinearInt4Kernels linear_int4_kernels;
extern const SparseKernels sparse_kernels;
extern const LimitKernels limit_kernels;
extern const HalfKernels half_kernels;
extern const Bfloat16Kernels bfloat16_kernels;

extern const KernelTable kernel_table;
const KernelTable kernel_table = {
    .isa = SPRAT_STRING(SPRAT_ISA),
    .optimizer = &optimizer_kernels,
    .prune = &prune_kernels,
    .activation = &activation_kernels,
    .loss = &loss_kernels,
    .linear = &linear_kernels,
    .batch = &batch_kernels,
    .layer = &layer_kernels,
    .quantize = &quantize_kernels,
    .reduce = &reduce_kernels,
    .linear_int8 = &linear_int8_kernels,
    .linear_int4 = &linear_int4_kernels,
    .sparse = &sparse_kernels,
    .limits = &limit_kernels,
    .half = &half_kernels,
    .bfloat16 = &bfloat16_kernels,
};

}  // namespace sprat::SPRAT_ISA
