// Everything that is built once per instruction set, behind plain function pointers.
//
// Each family of kernels has a header with its own struct of pointers (kernels/<family>.h) and a source that fills it
// (kernels/<family>.cpp). kernels/table.cpp joins them. Kernels take raw pointers and a range, and cannot fail.
#pragma once

#include "kernels/activation.h"
#include "kernels/batch.h"
#include "kernels/bfloat16.h"
#include "kernels/half.h"
#include "kernels/layer.h"
#include "kernels/limits.h"
#include "kernels/linear.h"
#include "kernels/linear_int4.h"
#include "kernels/linear_int8.h"
#include "kernels/loss.h"
#include "kernels/optimizer.h"
#include "kernels/prune.h"
#include "kernels/quantize.h"
#include "kernels/reduce.h"
#include "kernels/sparse.h"

namespace sprat {

struct KernelTable {
  const char* isa;
  const OptimizerKernels* optimizer;
  const PruneKernels* prune;
  const ActivationKernels* activation;
  const LossKernels* loss;
  const LinearKernels* linear;
  const BatchKernels* batch;
  const LayerKernels* layer;
  const QuantizeKernels* quantize;
  const ReduceKernels* reduce;
  const LinearInt8Kernels* linear_int8;
  const LinearInt4Kernels* linear_int4;
  const SparseKernels* sparse;
  const LimitKernels* limits;
  const HalfKernels* half;
  const Bfloat16Kernels* bfloat16;
};

const KernelTable& kernels();  // of the instruction set in use: see api/dispatch.h

}  // namespace sprat
