// A square near zero, a line beyond delta: Huber 1964.
//
//   l = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)        dl = d within [-delta, delta]
#pragma once

#include "simd/vec.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class T>
struct Huber {
  static constexpr const char* kName = "huber";
  static constexpr bool kUnitTarget = false;
  using AgainstTeacher = Huber;
  T delta;

  SPRAT_HD explicit Huber(const sprat_loss_params& p) : delta(T(p.delta)) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V output, V target, V /*gain*/, V& slope) const {
    const V d = output - target;
    const V size = abs(d);
    slope = min(V(delta), max(V(-delta), d));  // in this order a NaN stays
    return select(size <= V(delta), V(0.5) * d * d, V(delta) * (size - V(0.5) * V(delta)));
  }
};

SPRAT_ISA_END
