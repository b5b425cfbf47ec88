// What every optimizer step does to an element around the formula: gradient scaling and clipping before it; mask,
// denormals and the moving average of the parameter after it.
//
//   g    = clamp(sign * grad_scale * grad, -clip_value, clip_value)      sign: -1 to maximize
//   formula(param, g, states...)
//   ema  = ema + (1 - ema_decay) * (param - ema)                         Polyak & Juditsky 1992, exponential form
//   param, states, ema = +0 where the mask is 0
//
// See denormal.h for what is 0 before that.
#pragma once

#include "formulas/optim/denormal.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class Formula, class T>
struct Element {
  static constexpr int kStates = Formula::kStates.count();
  Formula formula;
  T grad_scale, clip_value, ema_gain;
  bool flush;

  // clip_value is infinite where nothing is to be clamped.
  SPRAT_HD Element(const sprat_optimizer_params& params, double scale, double clip, double ema_decay)
      : formula(params),
        grad_scale(T(params.maximize ? -scale : scale)),
        clip_value(T(clip)),
        ema_gain(T(1 - ema_decay)),
        flush(flushes(params.step)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE void update(V& param, V grad, V* states) const {
    const V scaled = V(grad_scale) * flush_below(T(formula.smallest_gradient), grad);
    const V g = min(V(clip_value), max(V(-clip_value), scaled));  // in this order a NaN stays NaN
    if constexpr (kStates == 0) formula(param, g);
    if constexpr (kStates == 1) formula(param, g, states[0]);
    if constexpr (kStates == 2) formula(param, g, states[0], states[1]);
    if constexpr (kStates == 3) formula(param, g, states[0], states[1], states[2]);
    if (!flush) return;
    param = flush_denormal(param);
    for (int s = 0; s < kStates; ++s) states[s] = flush_denormal(states[s]);
  }

  // The form that leaves the average exactly at rest where the parameter rests at it.
  template <class V>
  SPRAT_HD SPRAT_INLINE V average(V ema, V param) const {
    const V moved = ema + V(ema_gain) * (param - ema);
    return flush ? flush_denormal(moved) : moved;
  }
};

SPRAT_ISA_END
