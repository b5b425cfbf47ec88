// The names of the numbers that an optimizer keeps for each parameter, as torch.optim calls them.
#pragma once

#include "core/macros.h"
#include "sprat/sprat.h"

SPRAT_ISA_BEGIN

struct StateNames {
  const char* name[SPRAT_OPTIMIZER_MAX_STATES];  // unused ones are null, and last

  SPRAT_HD constexpr int count() const {
    int n = 0;
    while (n < SPRAT_OPTIMIZER_MAX_STATES && name[n]) ++n;
    return n;
  }
};

SPRAT_ISA_END
