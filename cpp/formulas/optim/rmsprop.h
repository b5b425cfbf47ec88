// RMSprop: Tieleman & Hinton 2012 (Coursera lecture 6.5). Centered: Graves 2013, equations 38 to 45.
//
//   g          = grad + weight_decay * param
//   square_avg = alpha * square_avg + (1 - alpha) * g^2
//   grad_avg   = alpha * grad_avg   + (1 - alpha) * g                      centered only
//   scaled     = g / (sqrt(square_avg - grad_avg^2) + eps)                 eps outside the root, as in torch.optim
//   param     -= lr * scaled
//   buf        = momentum * buf + scaled;  param -= lr * buf               with momentum
#pragma once

#include "formulas/optim/states.h"
#include "formulas/optim/weight_decay.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T, bool kCentered, bool kMomentum>
struct RmspropFormula {
  static constexpr const char* kName = kCentered ? (kMomentum ? "rmsprop_centered_momentum" : "rmsprop_centered")
                                                 : (kMomentum ? "rmsprop_momentum" : "rmsprop");
  static constexpr StateNames kStates = {{"square_avg",
                                          kCentered   ? "grad_avg"
                                          : kMomentum ? "momentum_buffer"
                                                      : nullptr,
                                          kCentered&& kMomentum ? "momentum_buffer" : nullptr}};
  T smallest_gradient;
  CoupledDecay<T> decay;
  T lr, alpha, gain, eps, momentum;

  SPRAT_HD explicit RmspropFormula(const sprat_optimizer_params& p)
      : smallest_gradient(smallest_square<T>(1 - p.alpha)),
        decay{T(p.weight_decay), smallest_gradient},
        lr(T(p.lr)),
        alpha(T(p.alpha)),
        gain(T(1 - p.alpha)),
        eps(T(p.eps)),
        momentum(T(p.momentum)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& square_avg) const {
    const V g = average(param, grad, square_avg);
    param = param - V(lr) * g / (sqrt(square_avg) + V(eps));
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& square_avg, V& grad_avg_or_buf) const {
    const V g = average(param, grad, square_avg);
    if constexpr (kCentered) {
      param = param - V(lr) * g / centered(g, square_avg, grad_avg_or_buf);
    } else {
      accelerate(param, g / (sqrt(square_avg) + V(eps)), grad_avg_or_buf);
    }
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE void operator()(V& param, V grad, V& square_avg, V& grad_avg, V& buf) const {
    const V g = average(param, grad, square_avg);
    accelerate(param, g / centered(g, square_avg, grad_avg), buf);
  }

 private:
  template <class V>
  SPRAT_HD SPRAT_INLINE V average(V param, V grad, V& square_avg) const {
    const V g = decay(grad, param);
    square_avg = V(alpha) * square_avg + V(gain) * g * g;
    return g;
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE V centered(V g, V square_avg, V& grad_avg) const {
    grad_avg = V(alpha) * grad_avg + V(gain) * g;
    const V mean = flush_below(smallest_square<Scalar<V>>(1), grad_avg);
    const V variance = max(V(0), square_avg - mean * mean);  // rounding must not make it negative; keeps NaN
    return sqrt(variance) + V(eps);
  }

  template <class V>
  SPRAT_HD SPRAT_INLINE void accelerate(V& param, V scaled, V& buf) const {
    buf = V(momentum) * buf + scaled;
    param = param - V(lr) * buf;
  }
};

template <class T>
using Rmsprop = RmspropFormula<T, false, false>;
template <class T>
using RmspropMomentum = RmspropFormula<T, false, true>;
template <class T>
using RmspropCentered = RmspropFormula<T, true, false>;
template <class T>
using RmspropCenteredMomentum = RmspropFormula<T, true, true>;

SPRAT_ISA_END
