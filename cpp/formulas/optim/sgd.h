// Gradient descent, alone or with momentum in the form of torch.optim:
//
//   g      = grad + weight_decay * param
//   buf    = momentum * buf + (1 - dampening) * g           first step: buf = g
//   param -= lr * buf                                       Polyak 1964
//   param -= lr * (g + momentum * buf)                      with nesterov: Sutskever et al. 2013, equations 3 and 4
//
// The classical form keeps lr inside the buffer (v = momentum * v + lr * g). The two are equal while lr is constant;
// under a schedule this one applies a new rate to the whole buffer at once.
#pragma once

#include "formulas/optim/states.h"
#include "formulas/optim/weight_decay.h"

SPRAT_ISA_BEGIN

template <class T, bool kMomentum>
struct SgdFormula {
  static constexpr const char* kName = kMomentum ? "sgd_momentum" : "sgd";
  static constexpr StateNames kStates = {{kMomentum ? "momentum_buffer" : nullptr}};
  static constexpr T smallest_gradient = kSmallestLinear<T>;
  CoupledDecay<T> decay;
  T lr, momentum, gain;
  bool nesterov;

  SPRAT_HD explicit SgdFormula(const sprat_optimizer_params& p)
      : decay{T(p.weight_decay), smallest_gradient},
        lr(T(p.lr)),
        momentum(T(p.momentum)),
        gain(p.step == 1 ? T(1) : T(1 - p.dampening)),
        nesterov(p.nesterov != 0) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad) const {
    param = param - V(lr) * decay(grad, param);
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& buf) const {
    const V g = decay(grad, param);
    buf = V(momentum) * buf + V(gain) * g;
    param = param - V(lr) * (nesterov ? g + V(momentum) * buf : buf);
  }
};

template <class T>
using Sgd = SgdFormula<T, false>;
template <class T>
using SgdMomentum = SgdFormula<T, true>;

SPRAT_ISA_END
