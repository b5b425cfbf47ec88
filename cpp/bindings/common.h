// What every bind_<topic>.cpp shares: one line per refusal, arrays checked before a pointer is taken.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "sprat/sprat.h"

namespace nb = nanobind;

namespace sprat::bindings {

// Turns a refused call into ValueError (or MemoryError) with the library's one line.
inline void check(sprat_status status) {
  if (status == SPRAT_OK) return;
  if (status == SPRAT_OUT_OF_MEMORY) throw std::bad_alloc();
  throw nb::value_error(sprat_last_error());
}

void bind_activation(nb::module_& m);
void bind_loss(nb::module_& m);
void bind_optimizer(nb::module_& m);
void bind_random(nb::module_& m);
void bind_mlp(nb::module_& m);
void bind_predictor(nb::module_& m);
void bind_prune(nb::module_& m);
void bind_quantize(nb::module_& m);
void bind_int8(nb::module_& m);  // after bind_predictor
void bind_runtime(nb::module_& m);

}  // namespace sprat::bindings
