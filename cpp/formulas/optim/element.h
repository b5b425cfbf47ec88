// What every optimizer step does to an element around the formula: gradient scaling and clipping before it; mask,
// denormals and the moving average of the parameter after it.
//
//   g    = clamp(sign * grad_scale * grad, -clip_value, clip_value)      sign: -1 to maximize
//   formula(param, g, states...)
//   ema  = ema + (1 - ema_decay) * (param - ema)                         Polyak & Juditsky 1992, exponential form
//   states, ema = 0 where they are denormal;  param, states, ema = +0 where the mask is 0
#pragma once

#include "simd/math.h"

SPRAT_ISA_BEGIN

// An average whose gradient has vanished decays through the denormal numbers, which slow arithmetic down many times on
// some CPUs, and stays there for ever: 0.9 * 4 denormal steps round to 4 steps again. Below the normal range it is 0.
template <class V>
SPRAT_HD SPRAT_INLINE V flush_denormal(V x) {
  return select(abs(x) < V(FormatOf<V>::kMinNormal), V(0), x);  // keeps NaN
}

// The constants of a pass in the type that computes.
template <class T>
struct Around {
  T grad_scale, clip_value, ema_gain;

  // clip_value is infinite where nothing is to be clamped.
  SPRAT_HD Around(double scale, bool maximize, double clip, double ema_decay)
      : grad_scale(T(maximize ? -scale : scale)), clip_value(T(clip)), ema_gain(T(1 - ema_decay)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V gradient(V grad) const {
    return min(V(clip_value), max(V(-clip_value), V(grad_scale) * grad));  // in this order a NaN stays NaN
  }

  // The form that leaves the average exactly at rest where the parameter rests at it.
  template <class V>
  SPRAT_HD SPRAT_INLINE V average(V ema, V param) const {
    return flush_denormal(ema + V(ema_gain) * (param - ema));
  }
};

template <class Formula, class V>
SPRAT_HD SPRAT_INLINE void apply(const Formula& formula, V& param, V grad, V* states) {
  constexpr int count = Formula::kStates.count();
  if constexpr (count == 0) formula(param, grad);
  if constexpr (count == 1) formula(param, grad, states[0]);
  if constexpr (count == 2) formula(param, grad, states[0], states[1]);
  if constexpr (count == 3) formula(param, grad, states[0], states[1], states[2]);
  for (int s = 0; s < count; ++s) states[s] = flush_denormal(states[s]);
}

SPRAT_ISA_END
