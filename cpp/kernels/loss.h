// The losses over rows [begin, end) of a batch: their weighted sum, and the gradient, in one pass.
//
// A kernel returns sum_i u_i * l_i over its rows, in float64 and in an order that the shape alone fixes, and writes
// grad_output = scale * u_i * dl_i / d output (adds to it if `accumulate`). u is the sample weight. What the mean
// divides by, and the mix of distillation, are the caller's: see api/loss.cpp.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

struct LossBatch {
  const void* output;         // (rows, columns)
  const void* target;         // (rows, columns) numbers, or (rows,) int64 class ids
  const void* sample_weight;  // (rows,); nullptr: ones
  void* grad_output;          // (rows, columns); nullptr: value only. May be `output` itself.
  int64_t columns;
  double scale;
  bool accumulate;
};

using LossRows = double (*)(const sprat_loss_params&, const LossBatch&, int64_t begin, int64_t end);

struct LossKernel {
  const char* name;
  bool takes_classes;           // softmax over the columns: a row has one class. Else: one number for each column.
  bool unit_target;             // numbers lie in [0, 1]
  LossRows against_numbers[2];  // by sprat_dtype: float32, float64
  LossRows against_classes[2];  // nullptr unless takes_classes
  LossRows against_teacher[2];  // target: the teacher's raw outputs. Hinton et al. 2015, with the factor T^2
};

// y = softmax(x) or log(softmax(x)) of rows [begin, end); x and y may be the same array.
using SoftmaxRows = void (*)(const void* x, void* y, int64_t columns, int64_t begin, int64_t end);

struct LossKernels {
  const LossKernel* list;
  int32_t count;
  SoftmaxRows softmax[2], log_softmax[2];
};

}  // namespace sprat
