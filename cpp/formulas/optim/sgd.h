// Gradient descent, with momentum as torch.optim defines it (Sutskever et al. 2013 for Nesterov's form):
//
//   g   = grad + weight_decay * param
//   buf = momentum * buf + (1 - dampening) * g        (first step: buf = g)
//   param -= lr * (nesterov ? g + momentum * buf : buf)
#pragma once

#include "core/macros.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class T>
struct Sgd {
  static constexpr const char* kName = "sgd";
  static constexpr int kNumStates = 0;
  T lr, weight_decay, sign;

  SPRAT_HD explicit Sgd(const sprat_optimizer_params& p)
      : lr(T(p.lr)), weight_decay(T(p.weight_decay)), sign(p.maximize ? T(-1) : T(1)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad) const {
    param = param - V(lr) * (V(sign) * grad + V(weight_decay) * param);
  }
};

template <class T>
struct SgdMomentum {
  static constexpr const char* kName = "sgd_momentum";
  static constexpr int kNumStates = 1;
  T lr, weight_decay, sign, momentum, gain;
  bool nesterov;

  SPRAT_HD explicit SgdMomentum(const sprat_optimizer_params& p)
      : lr(T(p.lr)),
        weight_decay(T(p.weight_decay)),
        sign(p.maximize ? T(-1) : T(1)),
        momentum(T(p.momentum)),
        gain(p.step == 1 ? T(1) : T(1 - p.dampening)),
        nesterov(p.nesterov != 0) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& momentum_buffer) const {
    const V g = V(sign) * grad + V(weight_decay) * param;
    momentum_buffer = V(momentum) * momentum_buffer + V(gain) * g;
    param = param - V(lr) * (nesterov ? g + V(momentum) * momentum_buffer : momentum_buffer);
  }
};

SPRAT_ISA_END
