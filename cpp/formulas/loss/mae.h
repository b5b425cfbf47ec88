// Absolute error.
//
//   l = |d|        dl = sign(d), 0 at 0        d = output - target
#pragma once

#include "simd/vec.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class T>
struct Mae {
  static constexpr const char* kName = "mae";
  static constexpr bool kUnitTarget = false;
  using AgainstTeacher = Mae;

  SPRAT_HD explicit Mae(const sprat_loss_params&) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V output, V target, V /*gain*/, V& slope) const {
    const V d = output - target;
    slope = select(d > V(0), V(1), select(d < V(0), V(-1), d));  // d is 0 or NaN otherwise
    return abs(d);
  }
};

SPRAT_ISA_END
