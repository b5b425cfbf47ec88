// AdamW: Loshchilov & Hutter 2019, algorithm 2. Decay acts on the parameter, not through the gradient.
//
//   param     -= lr * weight_decay * param
//   exp_avg    = beta1 * exp_avg    + (1 - beta1) * grad
//   exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad^2
//   param     -= lr / (1 - beta1^t) * exp_avg / (sqrt(exp_avg_sq) / sqrt(1 - beta2^t) + eps)
#pragma once

#include "core/macros.h"
#include "formulas/optim/bias_correction.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class T>
struct AdamW {
  static constexpr const char* kName = "adamw";
  static constexpr int kNumStates = 2;
  T keep, sign, beta1, beta2, eps, step_size, bias_correction2_sqrt;

  SPRAT_HD explicit AdamW(const sprat_optimizer_params& p)
      : keep(T(1 - p.lr * p.weight_decay)),
        sign(p.maximize ? T(-1) : T(1)),
        beta1(T(p.beta1)),
        beta2(T(p.beta2)),
        eps(T(p.eps)),
        step_size(T(p.lr / bias_correction(p.beta1, p.step))),
        bias_correction2_sqrt(T(__builtin_sqrt(bias_correction(p.beta2, p.step)))) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& exp_avg, V& exp_avg_sq) const {
    const V g = V(sign) * grad;
    exp_avg = V(beta1) * exp_avg + V(1 - beta1) * g;
    exp_avg_sq = V(beta2) * exp_avg_sq + V(1 - beta2) * g * g;
    const V denominator = sqrt(exp_avg_sq) / V(bias_correction2_sqrt) + V(eps);
    param = V(keep) * param - V(step_size) * exp_avg / denominator;
  }
};

SPRAT_ISA_END
