// The optimizers. Kernels, CUDA launchers, bindings, tests and benches iterate over this list.
#pragma once

#include "formulas/optim/adamw.h"
#include "formulas/optim/sgd.h"

SPRAT_ISA_BEGIN

template <template <template <class> class...> class Use>
using OptimizerFormulas = Use<Sgd, SgdMomentum, AdamW>;

SPRAT_ISA_END
