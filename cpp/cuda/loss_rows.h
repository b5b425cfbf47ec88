// The loss of each row or element, and its gradient: kernels/loss.cpp for one element type, with the same sums.
//
// Softmax takes 16 threads a row: they are the 16 logical lanes, each of which adds its columns in float64, in order,
// before all are joined by halves. The losses that take each column on its own leave a term for each element.
#pragma once

#include <cuda_runtime.h>

#include "cuda/loss.h"
#include "formulas/loss/list.h"

SPRAT_ISA_BEGIN

constexpr int kRowLanes = 16;  // kReduceLanes

template <class T>
struct LossArgs {
  sprat_loss_params params;
  const T* output;
  const void* target;
  const T* sample_weight;
  T* grad;
  int64_t rows, columns;
  bool is_soft, accumulate;
  double share;
  const cuda::LossState* state;

  __device__ double scale() const { return share / (is_soft ? state->soft_by : state->hard_by) + state->refused; }
  __device__ const T* class_weight() const { return static_cast<const T*>(params.class_weight); }
  __device__ const T* pos_weight() const { return static_cast<const T*>(params.pos_weight); }
};

// The threads that share a row.
struct RowThreads {
  int lane;
  unsigned mask;

  __device__ RowThreads()
      : lane(static_cast<int>(threadIdx.x) % kRowLanes), mask(0xffffu << (threadIdx.x % 32 / kRowLanes * kRowLanes)) {}

  // Of all lanes by halves: 0 + 8, 1 + 9, ...; every lane gets it.
  __device__ double join(double sum) const {
    for (int half = kRowLanes / 2; half > 0; half /= 2) sum = sum + __shfl_down_sync(mask, sum, half, kRowLanes);
    return __shfl_sync(mask, sum, 0, kRowLanes);
  }
  // The largest element; a NaN may get lost.
  template <class T>
  __device__ T highest(const T* x, int64_t n) const {
    T top = x[0];
    for (int64_t i = lane; i < n; i += kRowLanes) top = max(top, x[i]);
    for (int half = kRowLanes / 2; half > 0; half /= 2) top = max(top, __shfl_down_sync(mask, top, half, kRowLanes));
    return __shfl_sync(mask, top, 0, kRowLanes);
  }
};

__device__ inline int64_t row_of_threads() { return (blockIdx.x * int64_t{blockDim.x} + threadIdx.x) / kRowLanes; }

template <class T, bool kClasses>
__global__ void cross_entropy_rows(const LossArgs<T> args, double* losses) {
  const int64_t row = row_of_threads(), columns = args.columns;
  if (row >= args.rows) return;
  const RowThreads threads;
  const CrossEntropy<T> formula(args.params, columns);
  const bool all_have_shares = !kClasses || formula.spread > 0;
  const T* class_weight = args.class_weight();
  const T* z = args.output + row * columns;
  T* grad = args.grad ? args.grad + row * columns : nullptr;
  const T* target = kClasses ? nullptr : static_cast<const T*>(args.target) + row * columns;
  const auto share = [&](int64_t i) {
    return formula.share(class_weight ? class_weight[i] : T(1), kClasses ? T(0) : target[i]);
  };
  const double u = args.sample_weight ? double(args.sample_weight[row]) : 1;
  const T top = threads.highest(z, columns);
  double own_share = 0, own_term = 0;
  int64_t own = 0;
  if constexpr (kClasses) {
    own = static_cast<const int64_t*>(args.target)[row];
    if (own < 0 || own >= columns) own = 0;  // refused: state->refused
    own_share = double(class_weight ? class_weight[own] : T(1)) * double(formula.keep);
    own_term = weigh(own_share, double(z[own]) - double(top));
    __syncwarp(threads.mask);  // the gradient may overwrite z
  }

  double exps = 0, shares = 0, terms = 0;
  for (int64_t i = threads.lane; i < columns; i += kRowLanes) {
    const T height = z[i] - top;
    const T e = exp(height);
    exps += double(e);
    if (all_have_shares) {
      const T s = share(i);
      shares += double(s);
      terms += double(weigh(s, height));
    }
    if (grad) grad[i] = e;
  }
  const double sum = threads.join(exps);
  double shares_sum = own_share, terms_sum = own_term;
  if (all_have_shares) {
    shares_sum = threads.join(shares) + own_share;
    terms_sum = threads.join(terms) + own_term;
  }
  if (threads.lane == 0) losses[row] = u * CrossEntropy<T>::loss(shares_sum, sum, terms_sum);
  if (!grad) return;

  const double by = args.scale();
  const T scale = T(by * u), softmax_scale = T(by * u * shares_sum / sum);
  for (int64_t i = threads.lane; i < columns; i += kRowLanes) {
    T g = grad[i] * softmax_scale;
    if (all_have_shares) g = g - scale * share(i);
    if (kClasses && i == own) g -= T(by * u * own_share);
    grad[i] = g;
  }
}

template <class T>
__global__ void softmax_teacher_rows(const LossArgs<T> args, double* losses) {
  const int64_t row = row_of_threads(), columns = args.columns;
  if (row >= args.rows) return;
  const RowThreads threads;
  const SoftmaxTeacher<T> formula(args.params);
  const T* z = args.output + row * columns;
  const T* teacher = static_cast<const T*>(args.target) + row * columns;
  const double u = args.sample_weight ? double(args.sample_weight[row]) : 1;
  const T z_top = threads.highest(z, columns), teacher_top = threads.highest(teacher, columns);

  double z_exps = 0, teacher_exps = 0, terms = 0;
  for (int64_t i = threads.lane; i < columns; i += kRowLanes) {
    const T z_height = formula.height(z[i], z_top), teacher_height = formula.height(teacher[i], teacher_top);
    const T teacher_exp = exp(teacher_height);
    z_exps += double(exp(z_height));
    teacher_exps += double(teacher_exp);
    terms += double(formula.term(teacher_exp, teacher_height, z_height));
  }
  const double z_sum = threads.join(z_exps), teacher_sum = threads.join(teacher_exps), all = threads.join(terms);
  if (threads.lane == 0) losses[row] = u * formula.loss(all, teacher_sum, z_sum);
  if (!args.grad) return;

  T* grad = args.grad + row * columns;
  const double slope = args.scale() * u * args.params.temperature;
  const T z_scale = T(slope / z_sum), teacher_scale = T(slope / teacher_sum);
  for (int64_t i = threads.lane; i < columns; i += kRowLanes) {
    const T q = exp(formula.height(z[i], z_top)) * z_scale;
    const T p = exp(formula.height(teacher[i], teacher_top)) * teacher_scale;
    const T before = args.accumulate ? grad[i] : T(0);
    grad[i] = before + (q - p);
  }
}

template <class Formula, class T>
__global__ void element_losses(const LossArgs<T> args, T* terms) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x, row = i / args.columns;
  if (row >= args.rows) return;
  const T gain = args.pos_weight() ? args.pos_weight()[i - row * args.columns] : T(1);
  const T u = args.sample_weight ? args.sample_weight[row] : T(1);
  T slope;
  const T loss = Formula(args.params)(args.output[i], static_cast<const T*>(args.target)[i], gain, slope);
  terms[i] = u * loss;
  if (!args.grad) return;
  const T scale = T(args.scale());
  T out = u * scale * slope;
  if (args.accumulate) out = args.grad[i] + out;
  args.grad[i] = out;
}

template <class T, bool kLog>
__global__ void softmax_rows(const T* x, T* y, int64_t rows, int64_t columns) {
  const int64_t row = row_of_threads();
  if (row >= rows) return;
  const RowThreads threads;
  const T* from = x + row * columns;
  T* to = y + row * columns;
  const T top = threads.highest(from, columns);
  __syncwarp(threads.mask);  // y may be x
  double exps = 0;
  for (int64_t i = threads.lane; i < columns; i += kRowLanes) {
    const T height = from[i] - top;
    const T e = exp(height);
    exps += double(e);
    to[i] = kLog ? height : e;
  }
  const double sum = threads.join(exps);
  const T divisor = T(sum), log_sum = T(log(sum));
  for (int64_t i = threads.lane; i < columns; i += kRowLanes) to[i] = kLog ? to[i] - log_sum : to[i] / divisor;
}

SPRAT_ISA_END
