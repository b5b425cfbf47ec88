// The optimizers. Kernels, CUDA launchers, bindings, tests and benches iterate over this list.
//
// An optimizer is a template over the element type T with
//   kName                   what sprat_optimizer_find() looks for
//   kStates                 the names of its states; each is one number per parameter, and starts at 0
//   smallest_gradient       below it a gradient counts as 0: see denormal.h
//   F(sprat_optimizer_params)                    derives constants from the hyper-parameters, in double, once per step
//   operator()(V& param, V grad, V& state...)    the update of one element, as a template over V
//   static advance(sprat_optimizer_params&)      optional: what else but the step goes on to the next step
// Clipping, maximize, masks and moving averages are not its business: element.h does them for all.
#pragma once

#include "formulas/optim/adagrad.h"
#include "formulas/optim/adam.h"
#include "formulas/optim/lion.h"
#include "formulas/optim/nadam.h"
#include "formulas/optim/rmsprop.h"
#include "formulas/optim/sgd.h"

SPRAT_ISA_BEGIN

template <template <template <class> class...> class Use>
using OptimizerFormulas = Use<Sgd, SgdMomentum, Adagrad, Rmsprop, RmspropMomentum, RmspropCentered,
                              RmspropCenteredMomentum, Adam, AdamAmsgrad, AdamW, AdamWAmsgrad, NAdam, Lion>;

SPRAT_ISA_END
