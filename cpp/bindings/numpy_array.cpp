#define SPRAT_IMPORTS_NUMPY
#include "bindings/numpy_array.h"

namespace sprat::bindings {

void import_numpy() {
  if (PyArray_ImportNumPyAPI() < 0) throw nb::python_error();
}

}  // namespace sprat::bindings
