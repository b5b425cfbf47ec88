// Cross-entropy against class ids of at most 16 columns, without class weights and smoothing: what most classifiers
// train with. Rows are the lanes here, so that ten classes do not leave six of sixteen lanes idle and nothing is added
// across a register. The bits are those of cross_entropy_rows (loss.cpp).
#pragma once

#include "formulas/loss/cross_entropy.h"
#include "kernels/loss.h"
#include "kernels/reduce.h"
#include "simd/transpose.h"

SPRAT_ISA_BEGIN

// A number of float64 for each lane of V.
template <class V>
struct Doubles {
  static constexpr int kParts = sizeof(double) / sizeof(Scalar<V>);
  Vec<double> part[kParts];

  SPRAT_INLINE static Doubles of(V v) {
    if constexpr (kParts == 1) return {{v}};
    else return {{widen_low(v), widen_high(v)}};
  }
  SPRAT_INLINE V rounded() const {
    if constexpr (kParts == 1) return part[0];
    else return narrow(part[0], part[1]);
  }
  template <class F>
  SPRAT_INLINE Doubles map(F&& f) const {
    Doubles out;
    for (int p = 0; p < kParts; ++p) out.part[p] = f(part[p], p);
    return out;
  }
  SPRAT_INLINE void store(double* to) const {
    for (int p = 0; p < kParts; ++p) part[p].store(to + p * kLanes<Vec<double>>);
  }
};

// x[c] = the lanes' values in column c of `rows` rows, and back; columns beyond `columns` are zeros.
template <class V>
SPRAT_INLINE void load_columns(const Scalar<V>* from, int64_t rows, int64_t columns, V (&x)[kReduceLanes]) {
  for (int64_t c = 0; c < kReduceLanes; c += kLanes<V>) {
    V block[kLanes<V>];
    for (int64_t r = 0; r < kLanes<V>; ++r) {
      block[r] = V::load_partial(from + r * columns + c, r < rows ? columns - c : 0);
    }
    transpose(block);
    for (int64_t i = 0; i < kLanes<V>; ++i) x[c + i] = block[i];
  }
}
template <class V>
SPRAT_INLINE void store_columns(const V (&x)[kReduceLanes], Scalar<V>* to, int64_t rows, int64_t columns) {
  for (int64_t c = 0; c < columns; c += kLanes<V>) {
    V block[kLanes<V>];
    for (int64_t i = 0; i < kLanes<V>; ++i) block[i] = x[c + i];
    transpose(block);
    for (int64_t r = 0; r < rows && r < kLanes<V>; ++r) block[r].store_partial(to + r * columns + c, columns - c);
  }
}

template <class T>
double few_classes_rows(const LossBatch& batch, int64_t begin, int64_t end) {
  using V = Vec<T>;
  constexpr int64_t kLane = kLanes<V>;
  const int64_t columns = batch.columns;
  const T* sample_weight = static_cast<const T*>(batch.sample_weight);
  const int64_t* target = static_cast<const int64_t*>(batch.target);
  double total = 0;
  for (int64_t row = begin; row < end; row += kLane) {
    const int64_t rows = end - row < kLane ? end - row : kLane;
    const T* z = static_cast<const T*>(batch.output) + row * columns;
    V x[kReduceLanes];
    load_columns(z, rows, columns, x);
    V top = x[0];
    for (int64_t c = 1; c < columns; ++c) top = max(top, x[c]);
    T tops[kLane];
    top.store(tops);
    double own_height[kLane], weight[kLane];
    for (int64_t r = 0; r < kLane; ++r) {
      own_height[r] = r < rows ? double(z[r * columns + target[row + r]]) - double(tops[r]) : 0;
      weight[r] = r < rows && sample_weight ? double(sample_weight[row + r]) : 1;
    }

    // exps[c] belongs to logical lane c, and lanes are joined by halves: c + (c + 8), then c + (c + 4), ...
    Doubles<V> exps[kReduceLanes] = {};
    for (int64_t c = 0; c < columns; ++c) {
      x[c] = exp(x[c] - top);
      exps[c] = Doubles<V>::of(x[c]);
    }
    for (int half = kReduceLanes / 2; half > 0; half /= 2) {
      for (int c = 0; c < half; ++c) {
        exps[c] = exps[c].map([&](Vec<double> v, int p) SPRAT_INLINE_LAMBDA { return v + exps[c + half].part[p]; });
      }
    }
    double losses[kLane];
    exps[0].map([](Vec<double> sum, int) SPRAT_INLINE_LAMBDA { return log(sum); }).store(losses);
    for (int64_t r = 0; r < rows; ++r) total += weight[r] * (losses[r] - own_height[r]);
    if (!batch.grad_output) continue;

    const V scale = exps[0]
                        .map([&](Vec<double> sum, int p) SPRAT_INLINE_LAMBDA {
                          return Vec<double>(batch.scale) * Vec<double>::load(weight + p * kLanes<Vec<double>>) / sum;
                        })
                        .rounded();
    for (int64_t c = 0; c < columns; ++c) x[c] = x[c] * scale;
    T* grad = static_cast<T*>(batch.grad_output) + row * columns;
    store_columns(x, grad, rows, columns);
    for (int64_t r = 0; r < rows; ++r) grad[r * columns + target[row + r]] -= T(batch.scale * weight[r]);
  }
  return total;
}

SPRAT_ISA_END
