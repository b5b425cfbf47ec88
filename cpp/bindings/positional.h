// Plain functions of Python that take a fixed number of arguments by position: for calls of which every nanosecond
// counts. nanobind looks at each argument before we do, and turns None away.
#pragma once

#include <exception>
#include <new>

#include "bindings/common.h"

namespace sprat::bindings {

// What a function gets: count pointers. It may return None, and throw nb::python_error or a standard exception.
template <size_t count, nb::object (*function)(PyObject* const* arguments)>
PyObject* call_positional(PyObject*, PyObject* const* arguments, Py_ssize_t given) {
  if (given != Py_ssize_t(count)) return PyErr_Format(PyExc_TypeError, "wanted %zu arguments, got %zd", count, given);
  try {
    return function(arguments).release().ptr();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// The entry of a PyMethodDef with METH_FASTCALL.
template <size_t count, nb::object (*function)(PyObject* const* arguments)>
PyCFunction positional() {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_positional<count, function>));
}

// call(), without the GIL if it takes longer than another thread would need to notice.
template <class Call>
sprat_status run_releasing(bool is_long, Call&& call) {
  if (!is_long) return call();
  nb::gil_scoped_release release;
  return call();
}

}  // namespace sprat::bindings
