// What every bind_<topic>.cpp shares: one line per refusal, and the GIL released while the library works.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "sprat/sprat.h"

namespace nb = nanobind;

namespace sprat::bindings {

// Turns a refused call into ValueError (or MemoryError) with the library's one line.
inline void check(sprat_status status) {
  if (status == SPRAT_OK) return;
  if (status == SPRAT_OUT_OF_MEMORY) throw std::bad_alloc();
  throw nb::value_error(sprat_last_error());
}

// call(), while other Python threads run. The call must not touch a Python object.
template <class Call>
sprat_status without_gil(Call&& call) {
  nb::gil_scoped_release release;
  return call();
}
template <class Call>
void check_without_gil(Call&& call) {
  check(without_gil(call));
}

// What `find` (sprat_activation_find ...) knows the name as; `argument` is what the message calls it.
inline int32_t find_by_name(int32_t (*find)(const char*) noexcept, const std::string& argument,
                            const std::string& name) {
  const int32_t found = find(name.c_str());
  if (found < 0) throw nb::value_error((argument + ": there is no '" + name + "'").c_str());
  return found;
}

void bind_activation(nb::module_& m);
void bind_loss(nb::module_& m);
void bind_optimizer(nb::module_& m);
void bind_random(nb::module_& m);
void bind_mlp(nb::module_& m);
void bind_model_call(nb::module_& m);
void bind_predictor(nb::module_& m);
void bind_prune(nb::module_& m);
void bind_quantize(nb::module_& m);
void bind_forward(nb::module_& m);  // after bind_mlp and bind_predictor
void bind_packed(nb::module_& m);   // after bind_predictor
void bind_runtime(nb::module_& m);
void bind_training(nb::module_& m);  // after bind_mlp and bind_optimizer

}  // namespace sprat::bindings
