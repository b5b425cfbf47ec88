// The short way of sprat.quantization's array functions. Each takes what Python was given, and if that is what the
// kernels read as it lies, does the work and returns the result. None: it takes more to tell what was meant, or what is
// wrong with it. That way of the Python functions accepts and refuses the same; only it has words.
#pragma once

#include "bindings/common.h"

namespace sprat::bindings {

void bind_quantize_calls(nb::module_& m);

}  // namespace sprat::bindings
