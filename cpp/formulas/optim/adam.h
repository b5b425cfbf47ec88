// Adam: Kingma & Ba 2015, algorithm 1. AdamW: Loshchilov & Hutter 2019, algorithm 2, where weight decay shrinks the
// parameter and does not pass through the averages. AMSGrad: Reddi, Kale & Kumar 2018, algorithm 2.
//
//   g              = grad + weight_decay * param                   Adam
//   param          = param - lr * weight_decay * param             AdamW
//   exp_avg        = beta1 * exp_avg    + (1 - beta1) * g
//   exp_avg_sq     = beta2 * exp_avg_sq + (1 - beta2) * g^2
//   max_exp_avg_sq = max(max_exp_avg_sq, exp_avg_sq)               AMSGrad; it then stands for exp_avg_sq below
//   param         -= lr / c1 * exp_avg / (sqrt(exp_avg_sq / c2) + eps),      c = 1 - beta^t, t = 1 for the first step
//
// The last line is computed, with numerator and denominator times sqrt(c2), as
//   param         -= (lr * sqrt(c2) / c1) * exp_avg / (sqrt(exp_avg_sq) + eps * sqrt(c2))
// (the efficient order at the end of the paper's section 2), which saves a division for each element.
#pragma once

#include "formulas/optim/bias_correction.h"
#include "formulas/optim/states.h"
#include "formulas/optim/weight_decay.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T, bool kDecoupled, bool kAmsgrad>
struct AdamFormula {
  static constexpr const char* kName =
      kDecoupled ? (kAmsgrad ? "adamw_amsgrad" : "adamw") : (kAmsgrad ? "adam_amsgrad" : "adam");
  static constexpr StateNames kStates = {{"exp_avg", "exp_avg_sq", kAmsgrad ? "max_exp_avg_sq" : nullptr}};
  T smallest_gradient;
  WeightDecay<T> decay;
  T beta1, gain1, beta2, gain2, step_size, eps;

  SPRAT_HD explicit AdamFormula(const sprat_optimizer_params& p)
      : AdamFormula(p, sqrt(bias_correction(p.beta2, p.step))) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& exp_avg, V& exp_avg_sq) const {
    average(param, grad, exp_avg, exp_avg_sq);
    descend(param, exp_avg, exp_avg_sq);
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& exp_avg, V& exp_avg_sq, V& max_exp_avg_sq) const {
    average(param, grad, exp_avg, exp_avg_sq);
    max_exp_avg_sq = max(max_exp_avg_sq, exp_avg_sq);  // a NaN stays: see max in simd/vec.h
    descend(param, exp_avg, max_exp_avg_sq);
  }

 private:
  SPRAT_HD AdamFormula(const sprat_optimizer_params& p, double sqrt_c2)
      : smallest_gradient(smallest_square<T>(1 - p.beta2)),
        decay(p, kDecoupled, smallest_gradient),
        beta1(T(p.beta1)),
        gain1(T(1 - p.beta1)),
        beta2(T(p.beta2)),
        gain2(T(1 - p.beta2)),
        step_size(T(p.lr * sqrt_c2 / bias_correction(p.beta1, p.step))),
        eps(T(p.eps * sqrt_c2)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void average(V param, V grad, V& exp_avg, V& exp_avg_sq) const {
    const V g = decay.coupled(grad, param);
    exp_avg = V(beta1) * exp_avg + V(gain1) * g;
    exp_avg_sq = V(beta2) * exp_avg_sq + V(gain2) * g * g;
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE void descend(V& param, V exp_avg, V exp_avg_sq) const {
    param = decay.decoupled(param) - V(step_size) * exp_avg / (sqrt(exp_avg_sq) + V(eps));
  }
};

template <class T>
using Adam = AdamFormula<T, false, false>;
template <class T>
using AdamAmsgrad = AdamFormula<T, false, true>;
template <class T>
using AdamW = AdamFormula<T, true, false>;
template <class T>
using AdamWAmsgrad = AdamFormula<T, true, true>;

SPRAT_ISA_END
