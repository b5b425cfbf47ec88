// The activations. Kernels, epilogues of matrix products, CUDA launchers and tests iterate over this list.
//
// An activation is a struct of a name and two templates over V:
//   operator()(z)      y = f(z)
//   derivative(z, y)   f'(z); a formula with kNeedsInput = false reads y = f(z) alone
// A NaN gives a NaN in both (but the derivative of identity is 1 everywhere); an infinity gives the limit.
#pragma once

#include "formulas/activation/elu.h"
#include "formulas/activation/gelu.h"
#include "formulas/activation/gelu_tanh.h"
#include "formulas/activation/hardswish.h"
#include "formulas/activation/identity.h"
#include "formulas/activation/leaky_relu.h"
#include "formulas/activation/relu.h"
#include "formulas/activation/sigmoid.h"
#include "formulas/activation/silu.h"
#include "formulas/activation/softplus.h"
#include "formulas/activation/tanh.h"

SPRAT_ISA_BEGIN

template <template <class...> class Use>
using ActivationFormulas =
    Use<Identity, Relu, LeakyRelu, Elu, Gelu, GeluTanh, Silu, Tanh, Sigmoid, Softplus, Hardswish>;

SPRAT_ISA_END
