// NAdam: Dozat 2016, algorithm 8 with the momentum schedule of its section 3.1, in the form of torch.optim:
//
//   mu_t        = beta1 * (1 - 0.96^(t * momentum_decay) / 2),      t = 1 for the first step
//   g           = grad + weight_decay * param                       or param -= lr * weight_decay * param (decoupled)
//   exp_avg     = beta1 * exp_avg    + (1 - beta1) * g
//   exp_avg_sq  = beta2 * exp_avg_sq + (1 - beta2) * g^2
//   look_ahead  = (1 - mu_t) / (1 - mu_1 ... mu_t) * g + mu_(t+1) / (1 - mu_1 ... mu_(t+1)) * exp_avg
//   param      -= lr * look_ahead / (sqrt(exp_avg_sq / (1 - beta2^t)) + eps)
//
// As in adam.h, numerator and denominator of the last line are both multiplied by sqrt(1 - beta2^t).
#pragma once

#include "formulas/optim/bias_correction.h"
#include "formulas/optim/states.h"
#include "formulas/optim/weight_decay.h"
#include "simd/math.h"

SPRAT_ISA_BEGIN

template <class T>
struct NAdam {
  static constexpr const char* kName = "nadam";
  static constexpr StateNames kStates = {{"exp_avg", "exp_avg_sq"}};
  T smallest_gradient;
  WeightDecay<T> decay;
  T beta1, gain1, beta2, gain2, grad_step, avg_step, eps;

  SPRAT_HD explicit NAdam(const sprat_optimizer_params& p) : NAdam(p, sqrt(bias_correction(p.beta2, p.step))) {}

  // The product of the momenta goes on to the next step.
  SPRAT_HD static void advance(sprat_optimizer_params& p) { p.mu_product *= mu(p, p.step); }

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& exp_avg, V& exp_avg_sq) const {
    const V g = decay.coupled(grad, param);
    exp_avg = V(beta1) * exp_avg + V(gain1) * g;
    exp_avg_sq = V(beta2) * exp_avg_sq + V(gain2) * g * g;
    const V look_ahead = V(grad_step) * g + V(avg_step) * exp_avg;
    param = decay.decoupled(param) - look_ahead / (sqrt(exp_avg_sq) + V(eps));
  }

 private:
  SPRAT_HD NAdam(const sprat_optimizer_params& p, double sqrt_c2)
      : smallest_gradient(smallest_square<T>(1 - p.beta2)),
        decay(p, p.decoupled_weight_decay != 0, smallest_gradient),
        beta1(T(p.beta1)),
        gain1(T(1 - p.beta1)),
        beta2(T(p.beta2)),
        gain2(T(1 - p.beta2)),
        grad_step(T(p.lr * sqrt_c2 * (1 - mu(p, p.step)) / (1 - p.mu_product * mu(p, p.step)))),
        avg_step(T(p.lr * sqrt_c2 * mu(p, p.step + 1) / (1 - p.mu_product * mu(p, p.step) * mu(p, p.step + 1)))),
        eps(T(p.eps * sqrt_c2)) {}

  // By our own exp rather than pow(): the same bits with every math library.
  SPRAT_HD static double mu(const sprat_optimizer_params& p, int64_t step) {
    constexpr double kLogOf096 = -0.040821994520255166;
    return p.beta1 * (1 - 0.5 * exp(static_cast<double>(step) * p.momentum_decay * kLogOf096));
  }
};

SPRAT_ISA_END
