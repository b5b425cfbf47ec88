// The losses. Kernels, CUDA launchers and tests iterate over these lists.
//
// Most losses take each column on its own: a struct template over the element type, made from sprat_loss_params, with
//   operator()(output, target, gain, slope)   the loss; slope receives d loss / d output; gain is pos_weight, or 1
//   kUnitTarget                               whether targets must lie in [0, 1]
//   AgainstTeacher                            the formula that a teacher's raw output is compared by
// Cross-entropy couples the columns of a row: its loop stands in kernels/loss.cpp.
#pragma once

#include "formulas/loss/bce_with_logits.h"
#include "formulas/loss/cross_entropy.h"
#include "formulas/loss/huber.h"
#include "formulas/loss/mae.h"
#include "formulas/loss/mse.h"

SPRAT_ISA_BEGIN

template <template <template <class> class...> class Use>
using ElementLosses = Use<BceWithLogits, Mse, Mae, Huber>;

SPRAT_ISA_END
