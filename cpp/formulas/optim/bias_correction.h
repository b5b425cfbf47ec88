// 1 - beta^step, the share of weight that an exponential average has gathered after `step` steps (Kingma & Ba 2015,
// section 3).
#pragma once

#include <cstdint>

#include "core/macros.h"

SPRAT_ISA_BEGIN

// By squaring rather than by pow(): the same bits with every math library. step counts from 1; with step 0, as in some
// listings of Adam, the correction would be 0 and the update a division by zero.
//
// Once factor is below 2^-54, so is the power, whatever comes: a factor of the highest bit of step is still to come,
// none is above 1, and 1 minus such a number is 1. Without this end the loop is long, and its branches are random: 100
// ns.
SPRAT_HD inline double bias_correction(double beta, int64_t step) {
  double power = 1;
  for (double factor = beta; step > 0; step >>= 1, factor *= factor) {
    if (factor < 0x1p-54) return 1;
    power *= step & 1 ? factor : 1;
  }
  return 1 - power;
}

SPRAT_ISA_END
