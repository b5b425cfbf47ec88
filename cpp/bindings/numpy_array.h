// NumPy's own view of an array: its fields, read where they lie, in a nanosecond. The buffer protocol takes 30, as
// NumPy writes a format string and looks up a record for every view.
//
// Compiled against NumPy's stable ABI: one module serves every NumPy 2.
#pragma once

#include <climits>

#include "bindings/common.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL sprat_numpy_api
#ifndef SPRAT_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

namespace sprat::bindings {

// Before anything else of this file. Throws what importing NumPy raised.
void import_numpy();

// The array, if it lies in memory as kernels read it: contiguous in C order, aligned, in native byte order, and for
// kWritable to be written without a warning. nullptr for all else: whether that is wrong, and why, Array says.
// No subclasses: a masked array, say, has gaps that its memory does not show.
inline constexpr int kReadable = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;
inline constexpr int kWritable = kReadable | NPY_ARRAY_WRITEABLE;
// NumPy's private flag on the writable results of broadcast_arrays; its buffers are read-only then.
inline constexpr int kWarnsOnWrite = INT_MIN;

inline PyArrayObject* plain_array(PyObject* object, int wanted) {
  if (Py_TYPE(object) != &PyArray_Type) return nullptr;
  auto* array = reinterpret_cast<PyArrayObject*>(object);
  const int flags = PyArray_FLAGS(array);
  if ((flags & wanted) != wanted || (flags & kWarnsOnWrite)) return nullptr;
  return PyArray_ISNBO(PyArray_DESCR(array)->byteorder) ? array : nullptr;
}

// The number in a NumPy scalar that holds a T. Not by PyArrayScalar_VAL, which Python's limited API does not have.
template <class T>
T scalar_value(PyObject* scalar) {
  T value;
  PyArray_ScalarAsCtype(scalar, &value);
  return value;
}

}  // namespace sprat::bindings
