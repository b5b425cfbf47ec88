#include "bindings/quantize_call.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bindings/numpy_array.h"
#include "bindings/positional.h"

namespace sprat::bindings {
namespace {

// Fewer elements are done before another thread could have taken the GIL.
constexpr int64_t kLong = 16384;

constexpr int kNoType = -1;

int real_type(PyArrayObject* array) {
  const int type = array ? PyArray_TYPE(array) : kNoType;
  return type == NPY_FLOAT || type == NPY_DOUBLE ? type : kNoType;
}
int code_type(PyArrayObject* array) {
  const int type = array ? PyArray_TYPE(array) : kNoType;
  return type == NPY_BYTE || type == NPY_UBYTE ? type : kNoType;
}

// What a dtype argument names, of two types; nothing but their usual names and dtype objects.
int type_named(PyObject* dtype, const char* first_name, int first, const char* second_name, int second) {
  if (PyUnicode_CheckExact(dtype)) {
    if (PyUnicode_CompareWithASCIIString(dtype, first_name) == 0) return first;
    if (PyUnicode_CompareWithASCIIString(dtype, second_name) == 0) return second;
  } else if (PyArray_DescrCheck(dtype)) {
    const auto* descr = reinterpret_cast<PyArray_Descr*>(dtype);
    if (PyArray_ISNBO(descr->byteorder) && (descr->type_num == first || descr->type_num == second))
      return descr->type_num;
  }
  return kNoType;
}

bool take_integer(PyObject* object, int64_t low, int64_t high, int64_t& value) {
  if (!PyLong_CheckExact(object)) return false;
  int overflow = 0;
  value = PyLong_AsLongLongAndOverflow(object, &overflow);
  return overflow == 0 && low <= value && value <= high;
}
bool take_code(PyObject* object, int32_t low, int32_t high, int32_t& code) {
  int64_t value = code;
  if (object != Py_None && !take_integer(object, low, high, value)) return false;
  code = static_cast<int32_t>(value);
  return true;
}

// A quantizer and what it points to.
class Given {
 public:
  bool take(PyArrayObject* array, int real, int integer, PyObject* scale, PyObject* zero_point, PyObject* axis) {
    quantizer.size = sizeof quantizer;
    quantizer.real = real == NPY_FLOAT ? SPRAT_FLOAT32 : SPRAT_FLOAT64;
    quantizer.integer = integer == NPY_BYTE ? SPRAT_INT8 : SPRAT_UINT8;
    quantizer.quant_min = integer == NPY_BYTE ? -128 : 0;
    quantizer.quant_max = integer == NPY_BYTE ? 127 : 255;
    quantizer.outer = quantizer.channels = quantizer.inner = 1;
    if (axis == Py_None) {
      quantizer.inner = PyArray_SIZE(array);
      return take_scale(scale) && take_zero_point(zero_point);
    }
    const int ndim = PyArray_NDIM(array);
    int64_t along;
    if (!take_integer(axis, -ndim, ndim - 1, along)) return false;
    if (along < 0) along += ndim;
    for (int i = 0; i < ndim; ++i) {
      int64_t& part = i < along ? quantizer.outer : i == along ? quantizer.channels : quantizer.inner;
      part *= PyArray_DIM(array, i);
    }
    return quantizer.channels > 0 && take_scales(scale, real) && take_zero_points(zero_point, integer);
  }

  bool take_range(PyObject* quant_min, PyObject* quant_max) {
    const int32_t low = quantizer.quant_min, high = quantizer.quant_max;
    return take_code(quant_min, low, high, quantizer.quant_min) && take_code(quant_max, low, high, quantizer.quant_max);
  }

  // A new array like the other one, or `out` if it can be written and shares memory with none of ours.
  nb::object output(PyArrayObject* like, int type, PyObject* out, bool may_be_same = false) const {
    const int ndim = PyArray_NDIM(like);
    npy_intp* const shape = PyArray_DIMS(like);
    if (out == Py_None) return nb::steal(PyArray_SimpleNew(ndim, shape, type));
    PyArrayObject* const array = plain_array(out, kWritable);
    if (!array || PyArray_TYPE(array) != type || PyArray_NDIM(array) != ndim) return {};
    for (int i = 0; i < ndim; ++i) {
      if (PyArray_DIM(array, i) != shape[i]) return {};
    }
    const bool same = may_be_same && PyArray_DATA(array) == PyArray_DATA(like);
    if ((!same && overlap(array, like)) || overlap(array, scales_) || overlap(array, zero_points_)) return {};
    return nb::borrow(out);
  }

  bool is_long() const { return quantizer.outer * quantizer.channels * quantizer.inner >= kLong; }

  sprat_quantizer quantizer{};

 private:
  bool take_scale(PyObject* object) {
    double scale;
    if (PyFloat_Check(object)) scale = PyFloat_AsDouble(object);
    else if (PyArray_IsScalar(object, Float)) scale = double{scalar_value<float>(object)};
    else return false;
    scale_.real64 = scale;
    if (quantizer.real == SPRAT_FLOAT32) {
      if (!(std::fabs(scale) <= double{std::numeric_limits<float>::max()})) return false;
      scale_.real32 = static_cast<float>(scale);
    }
    quantizer.scales = &scale_;
    return true;
  }
  bool take_zero_point(PyObject* object) {
    int64_t value;
    if (PyArray_IsScalar(object, Int)) value = scalar_value<int32_t>(object);
    else if (!PyLong_CheckExact(object) || !take_integer(object, quantizer.quant_min, quantizer.quant_max, value))
      return false;
    if (value < quantizer.quant_min || value > quantizer.quant_max) return false;
    codes_[0] = static_cast<int8_t>(value);  // the same bits as the uint8 of this value
    quantizer.zero_points = codes_;
    return true;
  }

  bool is_row(PyArrayObject* array) const {
    return array && PyArray_NDIM(array) == 1 && PyArray_DIM(array, 0) == quantizer.channels;
  }
  bool take_scales(PyObject* object, int real) {
    scales_ = plain_array(object, kReadable);
    if (!is_row(scales_) || PyArray_TYPE(scales_) != real) return false;
    quantizer.scales = PyArray_DATA(scales_);
    return true;
  }
  bool take_zero_points(PyObject* object, int integer) {
    if (PyLong_CheckExact(object)) {
      int64_t value;
      return take_integer(object, 0, 0, value);  // then quantizer.zero_points stays NULL
    }
    zero_points_ = plain_array(object, kReadable);
    if (!is_row(zero_points_)) return false;
    if (PyArray_TYPE(zero_points_) == NPY_INT32 && quantizer.channels <= kMostCodes) {
      // As choose_qparams gives them.
      const auto* values = static_cast<const int32_t*>(PyArray_DATA(zero_points_));
      for (int64_t c = 0; c < quantizer.channels; ++c) {
        if (values[c] < quantizer.quant_min || values[c] > quantizer.quant_max) return false;
        codes_[c] = static_cast<int8_t>(values[c]);
      }
      quantizer.zero_points = codes_;
      return true;
    }
    quantizer.zero_points = PyArray_DATA(zero_points_);
    return PyArray_TYPE(zero_points_) == integer;
  }

  static bool overlap(PyArrayObject* a, PyArrayObject* b) {
    if (!b) return false;
    const auto x = reinterpret_cast<uintptr_t>(PyArray_DATA(a)), y = reinterpret_cast<uintptr_t>(PyArray_DATA(b));
    return x < y + uintptr_t(PyArray_NBYTES(b)) && y < x + uintptr_t(PyArray_NBYTES(a));
  }

  static constexpr int64_t kMostCodes = 2048;
  union {
    float real32;
    double real64;
  } scale_;
  int8_t codes_[kMostCodes];
  PyArrayObject *scales_ = nullptr, *zero_points_ = nullptr;
};

// The result if the call succeeds. A refusal is for the long way to explain.
template <class Call>
nb::object finish(const Given& given, const nb::object& result, const Call& call) {
  if (!result.is_valid()) {
    if (PyErr_Occurred()) throw nb::python_error();
    return nb::none();
  }
  const sprat_status status = run_releasing(given.is_long(), call);
  return status == SPRAT_OK ? result : nb::object(nb::none());
}

// The arguments by name.
template <size_t count>
std::array<PyObject*, count> named(PyObject* const* arguments) {
  std::array<PyObject*, count> all;
  std::copy_n(arguments, count, all.begin());
  return all;
}

void* data_of(nb::handle array) { return PyArray_DATA(reinterpret_cast<PyArrayObject*>(array.ptr())); }

// x, scale, zero_point, axis, dtype, out, quant_min, quant_max
nb::object quantize_call(PyObject* const* arguments) {
  const auto [scale, zero_point, axis, dtype, out, quant_min, quant_max] = named<7>(arguments + 1);
  PyArrayObject* const x = plain_array(arguments[0], kReadable);
  const int real = real_type(x), integer = type_named(dtype, "int8", NPY_BYTE, "uint8", NPY_UBYTE);
  Given given;
  if (real == kNoType || integer == kNoType || !given.take(x, real, integer, scale, zero_point, axis) ||
      !given.take_range(quant_min, quant_max))
    return nb::none();
  const nb::object codes = given.output(x, integer, out);
  return finish(given, codes, [&] { return sprat_quantize(&given.quantizer, PyArray_DATA(x), data_of(codes)); });
}

// q, scale, zero_point, axis, dtype, out
nb::object dequantize_call(PyObject* const* arguments) {
  const auto [scale, zero_point, axis, dtype, out] = named<5>(arguments + 1);
  PyArrayObject* const q = plain_array(arguments[0], kReadable);
  const int integer = code_type(q);
  const int real = out == Py_None ? type_named(dtype, "float32", NPY_FLOAT, "float64", NPY_DOUBLE)
                                  : real_type(plain_array(out, kWritable));
  Given given;
  if (real == kNoType || integer == kNoType || !given.take(q, real, integer, scale, zero_point, axis))
    return nb::none();
  const nb::object numbers = given.output(q, real, out);
  return finish(given, numbers, [&] { return sprat_dequantize(&given.quantizer, PyArray_DATA(q), data_of(numbers)); });
}

// As quantize_call.
nb::object fake_quantize_call(PyObject* const* arguments) {
  const auto [scale, zero_point, axis, dtype, out, quant_min, quant_max] = named<7>(arguments + 1);
  PyArrayObject* const x = plain_array(arguments[0], kReadable);
  const int real = real_type(x), integer = type_named(dtype, "int8", NPY_BYTE, "uint8", NPY_UBYTE);
  Given given;
  if (real == kNoType || integer == kNoType || !given.take(x, real, integer, scale, zero_point, axis) ||
      !given.take_range(quant_min, quant_max))
    return nb::none();
  const nb::object numbers = given.output(x, real, out, true);
  return finish(given, numbers,
                [&] { return sprat_fake_quantize(&given.quantizer, PyArray_DATA(x), data_of(numbers), nullptr); });
}

PyMethodDef methods[] = {
    {"quantize_call", positional<8, quantize_call>(), METH_FASTCALL,
     "What sprat.quantization.quantize returns, or None where the long way must tell."},
    {"dequantize_call", positional<6, dequantize_call>(), METH_FASTCALL,
     "What sprat.quantization.dequantize returns, or None where the long way must tell."},
    {"fake_quantize_call", positional<8, fake_quantize_call>(), METH_FASTCALL,
     "What sprat.quantization.fake_quantize returns without a mask, or None where the long way must tell."},
};

}  // namespace

void bind_quantize_calls(nb::module_& m) {
  for (PyMethodDef& method : methods) m.attr(method.ml_name) = nb::steal(PyCFunction_New(&method, nullptr));
}

}  // namespace sprat::bindings
