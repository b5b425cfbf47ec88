// Squared error.
//
//   l = d^2        dl = 2 d        d = output - target
#pragma once

#include "simd/vec.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

template <class T>
struct Mse {
  static constexpr const char* kName = "mse";
  static constexpr bool kUnitTarget = false;
  using AgainstTeacher = Mse;

  SPRAT_HD explicit Mse(const sprat_loss_params&) {}

  template <class V>
  SPRAT_HD SPRAT_INLINE V operator()(V output, V target, V /*gain*/, V& slope) const {
    const V d = output - target;
    slope = d + d;
    return d * d;
  }
};

SPRAT_ISA_END
