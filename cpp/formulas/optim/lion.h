// Lion: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2. Every step has the size lr;
// only its sign is learnt, from an average that leans on the newest gradient more than the one that is kept.
//
//   param  -= lr * weight_decay * param
//   param  -= lr * sign(beta1 * exp_avg + (1 - beta1) * grad)           sign(0) = 0
//   exp_avg = beta2 * exp_avg + (1 - beta2) * grad
#pragma once

#include "formulas/optim/states.h"
#include "formulas/optim/weight_decay.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
struct Lion {
  static constexpr const char* kName = "lion";
  static constexpr StateNames kStates = {{"exp_avg"}};
  static constexpr T smallest_gradient = kSmallestLinear<T>;
  DecoupledDecay<T> decay;
  T lr, beta1, gain1, beta2, gain2;

  SPRAT_HD explicit Lion(const sprat_optimizer_params& p)
      : decay{T(1 - p.lr * p.weight_decay)},
        lr(T(p.lr)),
        beta1(T(p.beta1)),
        gain1(T(1 - p.beta1)),
        beta2(T(p.beta2)),
        gain2(T(1 - p.beta2)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& exp_avg) const {
    const V direction = V(beta1) * exp_avg + V(gain1) * grad;
    const V step = select(direction > V(0), V(lr), select(direction < V(0), V(-lr), direction));  // 0 and NaN stay
    param = decay(param) - step;
    exp_avg = V(beta2) * exp_avg + V(gain2) * grad;
  }
};

SPRAT_ISA_END
