// Adagrad: Duchi, Hazan & Singer 2011, figure 1 (diagonal form), with a rate that decays by the step t:
//
//   g      = grad + weight_decay * param
//   sum    = sum + g^2
//   param -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)
#pragma once

#include "formulas/optim/states.h"
#include "formulas/optim/weight_decay.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
struct Adagrad {
  static constexpr const char* kName = "adagrad";
  static constexpr StateNames kStates = {{"sum"}};
  T smallest_gradient;
  CoupledDecay<T> decay;
  T lr, eps;

  SPRAT_HD explicit Adagrad(const sprat_optimizer_params& p)
      : smallest_gradient(smallest_square<T>(1)),
        decay{T(p.weight_decay), smallest_gradient},
        lr(T(p.lr / (1 + static_cast<double>(p.step - 1) * p.lr_decay))),
        eps(T(p.eps)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& sum) const {
    const V g = decay(grad, param);
    sum = sum + g * g;
    param = param - V(lr) * g / (sqrt(sum) + V(eps));
  }
};

SPRAT_ISA_END
