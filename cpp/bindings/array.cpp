#include "bindings/array.h"

#include <cstring>
#include <string>

namespace sprat::bindings {
namespace {

struct Kind {
  Dtype dtype;
  const char* name;
  const char* formats;  // the letters of the struct module
  int64_t itemsize;
};
constexpr Kind kKinds[] = {
    {Dtype::kFloat32, "float32", "f", 4}, {Dtype::kFloat64, "float64", "d", 8}, {Dtype::kInt8, "int8", "b", 1},
    {Dtype::kUint8, "uint8", "B", 1},     {Dtype::kInt32, "int32", "il", 4},    {Dtype::kInt64, "int64", "lq", 8},
    {Dtype::kBool, "bool", "?", 1},
};

const char* dtype_name(Dtype dtype) {
  for (const Kind& kind : kKinds) {
    if (kind.dtype == dtype) return kind.name;
  }
  return "?";
}

std::string names(uint32_t allowed) {
  std::string out;
  for (const Kind& kind : kKinds) {
    if (allowed & uint32_t(kind.dtype)) out += (out.empty() ? "" : " or ") + std::string(kind.name);
  }
  return out;
}

std::string shape_text(const int64_t* shape, int ndim) {
  std::string out = "(";
  for (int i = 0; i < ndim; ++i) {
    out += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  }
  return out + (ndim == 1 ? ",)" : ")");
}

std::string shape_text(const Array& array) {
  int64_t shape[64];
  for (int i = 0; i < array.ndim(); ++i) shape[i] = array.shape(i);
  return shape_text(shape, array.ndim());
}

[[noreturn]] void refuse(const char* name, const std::string& what) {
  throw nb::value_error((std::string(name) + ": " + what).c_str());
}
[[noreturn]] void refuse_type(const char* name, const std::string& what) {
  throw nb::type_error((std::string(name) + ": " + what).c_str());
}

// What an object without a usable buffer is called in the message: its dtype where it has one.
std::string description(nb::handle object) {
  if (nb::hasattr(object, "dtype") && nb::hasattr(object, "shape")) {
    const nb::object dtype = object.attr("dtype");  // nb::str of the accessor itself would not convert it
    return std::string(nb::str(nb::type_name(object.type())).c_str()) + " of dtype " + nb::str(dtype).c_str();
  }
  return nb::str(nb::type_name(object.type())).c_str();
}

}  // namespace

Array::Array(const char* name, nb::handle object, Access access) : name_(name) {
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    refuse_type(name, "wanted a NumPy array in CPU memory, got " + description(object));
  }
  // From here on a refusal must give the buffer back: the destructor of a half-built object does not run.
  const auto give_back = [&] { PyBuffer_Release(&view_); };
  const char* format = view_.format ? view_.format : "B";
  const bool swapped = *format == '>' || *format == '!';
  if (*format && std::strchr("@=<>!^", *format)) ++format;  // NumPy writes '=' for an array that is not aligned
  const Kind* found = nullptr;
  for (const Kind& kind : kKinds) {
    if (*format && !format[1] && std::strchr(kind.formats, *format) && view_.itemsize == kind.itemsize) found = &kind;
  }
  std::string problem;
  if (swapped && view_.itemsize > 1) {
    problem = "wanted native byte order, got a byte-swapped array";
  } else if (found && !PyBuffer_IsContiguous(&view_, 'C')) {
    problem = "wanted a C-contiguous array, got one with gaps or another order";
  } else if (found && view_.len && reinterpret_cast<uintptr_t>(view_.buf) % uintptr_t(view_.itemsize)) {
    problem = "wanted an aligned array, got one that does not start at a multiple of its item size";
  } else if (access == kWrite && view_.readonly) {
    problem = "wanted a writable array, got a read-only one";
  }
  if (!found && problem.empty()) {
    give_back();
    refuse_type(name, "wanted an array of numbers, got " + description(object));
  }
  if (!problem.empty()) {
    give_back();
    refuse(name, problem);
  }
  dtype_ = found->dtype;
}

const Array& Array::want_dtype(uint32_t allowed) const {
  if (!(allowed & uint32_t(dtype_))) {
    refuse_type(name_, "wanted " + names(allowed) + ", got " + dtype_name(dtype_));
  }
  return *this;
}

const Array& Array::want_dtype_of(const Array& other) const {
  if (dtype_ != other.dtype_) {
    refuse_type(name_, std::string("wanted ") + dtype_name(other.dtype_) + " like " + other.name_ + ", got " +
                           dtype_name(dtype_));
  }
  return *this;
}

const Array& Array::want_ndim(int ndim) const {
  if (view_.ndim != ndim) {
    refuse(name_, "wanted " + std::to_string(ndim) + " dimensions, got shape " + shape_text(*this));
  }
  return *this;
}

const Array& Array::want_shape(std::initializer_list<int64_t> shape) const {
  bool same = view_.ndim == int(shape.size());
  for (int i = 0; same && i < view_.ndim; ++i) same = shape.begin()[i] < 0 || shape.begin()[i] == view_.shape[i];
  if (!same) {
    refuse(name_, "wanted shape " + shape_text(shape.begin(), int(shape.size())) + ", got " + shape_text(*this));
  }
  return *this;
}

const Array& Array::want_shape_of(const Array& other) const {
  bool same = view_.ndim == other.view_.ndim;
  for (int i = 0; same && i < view_.ndim; ++i) same = view_.shape[i] == other.view_.shape[i];
  if (!same) refuse(name_, "wanted shape " + shape_text(other) + " like " + other.name_ + ", got " + shape_text(*this));
  return *this;
}

bool Array::overlaps(const Array& other) const {
  const auto a = reinterpret_cast<uintptr_t>(view_.buf), b = reinterpret_cast<uintptr_t>(other.view_.buf);
  return view_.len > 0 && other.view_.len > 0 && a < b + uintptr_t(other.view_.len) && b < a + uintptr_t(view_.len);
}

const Array& Array::want_apart_from(const Array& other) const {
  if (overlaps(other)) refuse(name_, std::string("overlaps ") + other.name_);
  return *this;
}

const Array& Array::want_apart_from_or_same(const Array& other) const {
  const bool same = view_.buf == other.view_.buf && view_.len == other.view_.len;
  if (!same && overlaps(other)) refuse(name_, std::string("overlaps a part of ") + other.name_);
  return *this;
}

sprat_dtype Array::as_dtype() const {
  switch (dtype_) {
    case Dtype::kFloat32:
      return SPRAT_FLOAT32;
    case Dtype::kFloat64:
      return SPRAT_FLOAT64;
    case Dtype::kInt8:
      return SPRAT_INT8;
    default:
      break;
  }
  want_dtype(kFloats | Dtype::kInt8 | Dtype::kUint8);
  return SPRAT_UINT8;
}

}  // namespace sprat::bindings
