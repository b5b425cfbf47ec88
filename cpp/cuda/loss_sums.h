// What surrounds the rows of a loss: the checks before, the sums after, for one element type.
#pragma once

#include <cuda_runtime.h>

#include "cuda/loss_rows.h"

SPRAT_ISA_BEGIN

// The arrays of a call that have to be looked at; NULL where there is nothing to ask.
template <class T>
struct LossChecks {
  const int64_t* ids;                                  // each in [0, columns)
  const T* shares;                                     // each in [0, 1]
  const T *sample_weight, *class_weight, *pos_weight;  // finite and not negative
  int64_t rows, columns;
};

template <class T>
__device__ void check_weight(const T* weights, int64_t i, int64_t n, unsigned long long* bad) {
  if (!weights || i >= n) return;
  const T w = weights[i];
  if (!(w >= T(0) && w - w == T(0))) atomicMin(bad, static_cast<unsigned long long>(i));
}

template <class T>
__global__ void check_elements(const LossChecks<T> checks, int64_t length, cuda::LossState* state) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= length) return;
  const auto place = static_cast<unsigned long long>(i);
  if (checks.ids && i < checks.rows && !(checks.ids[i] >= 0 && checks.ids[i] < checks.columns)) {
    atomicMin(&state->bad_target, place);
  }
  if (checks.shares && !(checks.shares[i] >= T(0) && checks.shares[i] <= T(1))) atomicMin(&state->bad_target, place);
  check_weight(checks.sample_weight, i, checks.rows, &state->bad_sample_weight);
  check_weight(checks.class_weight, i, checks.columns, &state->bad_class_weight);
  check_weight(checks.pos_weight, i, checks.columns, &state->bad_pos_weight);
}

// What the means divide by: one sum over the rows in order, which one thread adds while the others fetch.
template <class T>
struct DenominatorArgs {
  const T* sample_weight;
  const int64_t* ids;     // with class_weight: the hard part counts each row by its class
  const T* class_weight;  // NULL: it does not
  int64_t rows, columns;
  double columns_factor;  // of the losses that take each column on its own
  bool has_hard;
};

constexpr int kDenominatorThreads = 256;

template <class T>
__global__ void sum_denominators(const DenominatorArgs<T> args, cuda::LossState* state) {
  __shared__ double weights[kDenominatorThreads], by_class[kDenominatorThreads];
  double soft = 0, hard = 0;
  if (!args.sample_weight && !args.class_weight) {
    hard = soft = double(args.rows);
  } else {
    for (int64_t first = 0; first < args.rows; first += kDenominatorThreads) {
      const int64_t row = first + threadIdx.x, left = args.rows - first;
      if (row < args.rows) {
        const double u = args.sample_weight ? double(args.sample_weight[row]) : 1;
        weights[threadIdx.x] = u;
        if (args.class_weight) {
          const int64_t id = args.ids[row];
          by_class[threadIdx.x] = u * double(args.class_weight[id >= 0 && id < args.columns ? id : 0]);
        }
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        for (int i = 0; i < kDenominatorThreads && i < left; ++i) {
          soft += weights[i];
          if (args.class_weight) hard += by_class[i];
        }
      }
      __syncthreads();
    }
    if (!args.class_weight) hard = soft;
  }
  if (threadIdx.x != 0) return;
  state->hard_by = hard * args.columns_factor;
  state->soft_by = soft * args.columns_factor;
  constexpr unsigned long long kNone = ~0ull;
  const bool good = state->bad_target == kNone && state->bad_sample_weight == kNone &&
                    state->bad_class_weight == kNone && state->bad_pos_weight == kNone && state->soft_by > 0 &&
                    (!args.has_hard || state->hard_by > 0);
  state->refused = good ? 0.0 : __builtin_nan("");
  state->value = 0;
}

// 16 threads for a block of rows: they are the logical lanes, of a row's columns, or of rows of one column.
template <class T>
__global__ void sum_terms(const T* terms, const cuda::LossBlocks blocks, double* sums) {
  const RowThreads threads;
  const int64_t block = row_of_threads(), begin = block * blocks.block_rows;
  if (block >= blocks.count) return;
  const int64_t end = blocks.rows - begin < blocks.block_rows ? blocks.rows : begin + blocks.block_rows;
  double sum = 0;
  if (blocks.columns == 1) {
#pragma unroll 4
    for (int64_t i = begin + threads.lane; i < end; i += kRowLanes) sum += double(terms[i]);
  } else {
    for (int64_t row = begin; row < end; ++row) {
#pragma unroll 4
      for (int64_t i = threads.lane; i < blocks.columns; i += kRowLanes) sum += double(terms[row * blocks.columns + i]);
    }
  }
  sum = threads.join(sum);
  if (threads.lane == 0) sums[block] = sum;
}

// Thread b adds the rows of block b.
__global__ void sum_row_losses(const double* losses, const cuda::LossBlocks blocks, double* sums) {
  const int64_t begin = threadIdx.x * blocks.block_rows;
  if (threadIdx.x >= blocks.count) return;
  const int64_t end = blocks.rows - begin < blocks.block_rows ? blocks.rows : begin + blocks.block_rows;
  double total = 0;
#pragma unroll 4
  for (int64_t row = begin; row < end; ++row) total += losses[row];
  sums[threadIdx.x] = total;
}

// By one thread.
__global__ void add_part(const double* sums, int64_t count, double share, bool is_soft, cuda::LossState* state) {
  if (threadIdx.x != 0) return;
  double total = 0;
  for (int64_t b = 0; b < count; ++b) total += sums[b];
  state->value += share * (total / (is_soft ? state->soft_by : state->hard_by)) + state->refused;
}

SPRAT_ISA_END
