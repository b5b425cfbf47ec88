#include <nanobind/stl/vector.h>

#include <cmath>
#include <vector>

#include "bindings/array.h"
#include "bindings/numpy_array.h"
#include "bindings/positional.h"

namespace sprat::bindings {
namespace {

// How many of `size` elements a share of them is, a half to the even count, as Python's round() has it in any rounding
// mode of the caller.
int64_t prune_count(double share, int64_t size) {
  const double exact = share * static_cast<double>(size), rounded = std::round(exact);
  const bool is_half = std::fabs(exact - rounded) == 0.5;
  return static_cast<int64_t>(is_half ? 2 * std::round(exact / 2) : rounded);
}

sprat_prune_array native(const Array& x, const std::optional<Array>& mask) {
  return {sizeof(sprat_prune_array), x.size(), x.data(), static_cast<uint8_t*>(data_or_null(mask))};
}

int64_t prune_threshold(nb::handle x_object, double threshold, nb::handle mask_object) {
  const Array x("x", x_object, kWrite);
  const std::optional<Array> mask = optional_array("mask", mask_object, kWrite);
  x.want_dtype(kFloats);
  if (mask) mask->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape_of(x).want_apart_from(x);
  const sprat_prune_array array = native(x, mask);
  int64_t pruned = 0;
  check_without_gil([&] { return sprat_prune_threshold(x.as_dtype(), &array, threshold, &pruned); });
  return pruned;
}

double prune_smallest(const std::vector<nb::object>& x_objects, int64_t count,
                      const std::vector<nb::object>& mask_objects) {
  if (mask_objects.size() != x_objects.size()) throw nb::value_error("masks: wanted as many as arrays");
  std::vector<Array> arrays;
  std::vector<std::optional<Array>> masks;
  std::vector<sprat_prune_array> natives;
  arrays.reserve(x_objects.size());
  masks.reserve(x_objects.size());
  for (size_t i = 0; i < x_objects.size(); ++i) {
    const Array& x = arrays.emplace_back("arrays", x_objects[i], kWrite);
    const std::optional<Array>& mask = masks.emplace_back(optional_array("masks", mask_objects[i], kWrite));
    x.want_dtype(kFloats).want_dtype_of(arrays.front());
    if (mask) mask->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape_of(x).want_apart_from(x);
    for (size_t j = 0; j < i; ++j) x.want_apart_from(arrays[j]);
    natives.push_back(native(x, mask));
  }
  double threshold = 0;
  const sprat_dtype dtype = arrays.empty() ? SPRAT_FLOAT32 : arrays.front().as_dtype();
  check_without_gil([&] {
    return sprat_prune_smallest(dtype, natives.data(), static_cast<int64_t>(natives.size()), count, &threshold);
  });
  return threshold;
}

// The short way of sprat.prune: the mask, if the arguments are a plain array and a float that can be right; None where
// it takes more to tell what was meant, or what is wrong with it.
template <class Prune>
nb::object prune_plainly(PyObject* target, PyObject* number, int64_t short_length, double most, const Prune& prune) {
  PyArrayObject* const x = plain_array(target, kWritable);
  if (!x || (PyArray_TYPE(x) != NPY_FLOAT && PyArray_TYPE(x) != NPY_DOUBLE) || !PyFloat_Check(number))
    return nb::none();
  const double value = PyFloat_AsDouble(number);
  if (!(0 <= value && value <= most)) return nb::none();
  nb::object mask = nb::steal(PyArray_SimpleNew(PyArray_NDIM(x), PyArray_DIMS(x), NPY_UBYTE));
  if (!mask.is_valid()) throw nb::python_error();
  void* const mask_data = PyArray_DATA(reinterpret_cast<PyArrayObject*>(mask.ptr()));
  const sprat_prune_array array{sizeof array, PyArray_SIZE(x), PyArray_DATA(x), static_cast<uint8_t*>(mask_data)};
  const sprat_dtype dtype = PyArray_TYPE(x) == NPY_FLOAT ? SPRAT_FLOAT32 : SPRAT_FLOAT64;
  const sprat_status status = run_releasing(array.length >= short_length, [&] { return prune(dtype, array, value); });
  return status == SPRAT_OK ? mask : nb::object(nb::none());
}

nb::object threshold_call(PyObject* const* arguments) {
  return prune_plainly(arguments[0], arguments[1], 16384, HUGE_VAL,
                       [](sprat_dtype dtype, const sprat_prune_array& array, double threshold) {
                         return sprat_prune_threshold(dtype, &array, threshold, nullptr);
                       });
}

nb::object magnitude_call(PyObject* const* arguments) {
  return prune_plainly(arguments[0], arguments[1], 2048, 1.0,
                       [](sprat_dtype dtype, const sprat_prune_array& array, double sparsity) {
                         return sprat_prune_smallest(dtype, &array, 1, prune_count(sparsity, array.length), nullptr);
                       });
}

PyMethodDef methods[] = {
    {"prune_threshold_call", positional<2, threshold_call>(), METH_FASTCALL,
     "What sprat.prune.threshold returns for an array, or None where the long way must tell."},
    {"prune_magnitude_call", positional<2, magnitude_call>(), METH_FASTCALL,
     "What sprat.prune.magnitude returns for an array, or None where the long way must tell."},
};

}  // namespace

void bind_prune(nb::module_& m) {
  for (PyMethodDef& method : methods) m.attr(method.ml_name) = nb::steal(PyCFunction_New(&method, nullptr));
  m.def("prune_threshold", &prune_threshold, nb::arg("x").none(), nb::arg("threshold"), nb::arg("mask").none(),
        "Set x to zero where |x| < threshold, in place; fill mask. Returns how many.");
  m.def("prune_count", &prune_count, nb::arg("share"), nb::arg("size"),
        "round(share * size): how many elements a share from 0 to 1 is.");
  m.def("prune_smallest", &prune_smallest, nb::arg("arrays"), nb::arg("count"), nb::arg("masks"),
        "Set exactly the count elements of smallest magnitude of all arrays to zero, in place; fill the masks. "
        "Returns the largest magnitude that went.");
}

}  // namespace sprat::bindings
