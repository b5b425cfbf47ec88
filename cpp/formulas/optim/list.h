// The optimizers. Kernels, CUDA launchers, bindings, tests and benches iterate over this list.
//
// An optimizer is a template over the element type T with
//   kName              what sprat_optimizer_find() looks for
//   kStates            the names of its states; each is one number per parameter, and starts at 0
//   explicit F(sprat_optimizer_params)           derives T constants from the hyper-parameters, in double, once per
//   step operator()(V& param, V grad, V& state...)    the update of one element, as a template over V
// Clipping, maximize, masks and moving averages are not its business: formulas/optim/element.h does them for all.
#pragma once

#include "formulas/optim/adagrad.h"
#include "formulas/optim/adam.h"
#include "formulas/optim/nadam.h"
#include "formulas/optim/rmsprop.h"
#include "formulas/optim/sgd.h"

SPRAT_ISA_BEGIN

template <template <template <class> class...> class Use>
using OptimizerFormulas = Use<Sgd, SgdMomentum, Adagrad, Rmsprop, RmspropMomentum, RmspropCentered,
                              RmspropCenteredMomentum, Adam, AdamAmsgrad, AdamW, AdamWAmsgrad, NAdam>;

SPRAT_ISA_END
