// What every bind_<topic>.cpp shares: one line per refusal, addresses, and the GIL released while a call works.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "cuda/sprat_cuda.h"

namespace nb = nanobind;

namespace sprat::cuda::bindings {

// Turns a refused call into ValueError, MemoryError or RuntimeError (no driver, no device, a failed launch) with one
// line.
inline void check(sprat_status status) {
  switch (status) {
    case SPRAT_OK:
      return;
    case SPRAT_OUT_OF_MEMORY:
      PyErr_SetString(PyExc_MemoryError, sprat_cuda_last_error());
      break;
    case SPRAT_UNSUPPORTED:
      PyErr_SetString(PyExc_RuntimeError, sprat_cuda_last_error());
      break;
    default:
      PyErr_SetString(PyExc_ValueError, sprat_cuda_last_error());
  }
  throw nb::python_error();
}

// call(), while other Python threads run.
template <class Call>
void check_without_gil(Call&& call) {
  sprat_status status;
  {
    nb::gil_scoped_release release;
    status = call();
  }
  check(status);
}

// Memory and streams come as numbers: what DLPack and __cuda_array_interface__ give is read in Python.
using Address = uintptr_t;
template <class T = void>
T* pointer(Address address) {
  return reinterpret_cast<T*>(address);
}
inline Address address_of(const void* p) { return reinterpret_cast<Address>(p); }

// By NumPy's names.
inline sprat_dtype dtype_named(const std::string& name) {
  if (name == "float32") return SPRAT_FLOAT32;
  if (name == "float64") return SPRAT_FLOAT64;
  if (name == "int8") return SPRAT_INT8;
  if (name == "uint8") return SPRAT_UINT8;
  throw nb::value_error(("dtype: wanted float32, float64, int8 or uint8, got " + name).c_str());
}

void bind_device(nb::module_& m);
void bind_dlpack(nb::module_& m);
void bind_loss(nb::module_& m);
void bind_network(nb::module_& m);
void bind_elementwise(nb::module_& m);
void bind_optimizer(nb::module_& m);
void bind_quantize(nb::module_& m);
void bind_predictor(nb::module_& m);  // after bind_network

}  // namespace sprat::cuda::bindings
