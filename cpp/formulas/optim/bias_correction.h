// 1 - beta^step, the share of weight that an exponential average has gathered after `step` steps (Kingma & Ba 2015,
// section 3).
#pragma once

#include <cstdint>

#include "core/macros.h"

SPRAT_ISA_BEGIN

// By squaring rather than by pow(): the same bits with every math library. step counts from 1; with step 0, as in some
// listings of Adam, the correction would be 0 and the update a division by zero.
SPRAT_HD inline double bias_correction(double beta, int64_t step) {
  double power = 1;
  for (double factor = beta; step > 0; step >>= 1, factor *= factor) {
    if (step & 1) power *= factor;
  }
  return 1 - power;
}

SPRAT_ISA_END
