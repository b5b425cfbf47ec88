// The two places where weight decay can act. At most one of them does.
#pragma once

#include "core/macros.h"
#include "formulas/optim/denormal.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

// Coupled: an L2 penalty, whose gradient joins the gradient of the loss and is averaged with it.
template <class T>
struct CoupledDecay {
  T gain, smallest_gradient;

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V grad, V param) const {
    if (gain == 0) return grad;  // 0 * param would turn an infinite parameter into NaN
    return flush_below(smallest_gradient, grad + V(gain) * param);
  }
};

// Decoupled: the parameter shrinks by itself (Loshchilov & Hutter 2019, equation 1).
template <class T>
struct DecoupledDecay {
  T keep;  // 1 - lr * weight_decay

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V param) const {
    return V(keep) * param;
  }
};

// One of the two, chosen when the step begins.
template <class T>
struct WeightDecay {
  CoupledDecay<T> coupled;
  DecoupledDecay<T> decoupled;

  SPRAT_HD WeightDecay(const sprat_optimizer_params& p, bool is_decoupled, T smallest_gradient)
      : coupled{is_decoupled ? T(0) : T(p.weight_decay), smallest_gradient},
        decoupled{is_decoupled ? T(1 - p.lr * p.weight_decay) : T(1)} {}
};

SPRAT_ISA_END
