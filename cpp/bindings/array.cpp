#include "bindings/array.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bindings/numpy_array.h"

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
    {Dtype::kBool, "bool", "?", 1},       {Dtype::kUint16, "uint16", "H", 2},
};

const Kind& kind_of(Dtype dtype) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& kind) { return kind.dtype == dtype; });
}

const char* dtype_name(Dtype dtype) { return kind_of(dtype).name; }

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

struct Array::Buffer {
  Py_buffer view;
};

void Array::GiveBack::operator()(Buffer* buffer) const {
  PyBuffer_Release(&buffer->view);
  delete buffer;
}

void Array::Shape::assign(const Py_ssize_t* extents, int ndim) {
  if (ndim > kInlineAxes) many_.reset(new int64_t[size_t(ndim)]);
  std::copy_n(extents, ndim, many_ ? many_.get() : few_);
}

Array::Array(const char* name, nb::handle object, Access access) : name_(name) {
  if (!take_fields(object, access)) take_buffer(object, access);
}

bool Array::take_fields(nb::handle object, Access access) {
  PyArrayObject* array = plain_array(object.ptr(), access == kWrite ? kWritable : kReadable);
  if (!array) return false;
  switch (PyArray_TYPE(array)) {
    case NPY_FLOAT:
      dtype_ = Dtype::kFloat32;
      break;
    case NPY_DOUBLE:
      dtype_ = Dtype::kFloat64;
      break;
    case NPY_BYTE:
      dtype_ = Dtype::kInt8;
      break;
    case NPY_UBYTE:
      dtype_ = Dtype::kUint8;
      break;
    case NPY_USHORT:
      dtype_ = Dtype::kUint16;
      break;
    case NPY_INT32:
      dtype_ = Dtype::kInt32;
      break;
    case NPY_INT64:
      dtype_ = Dtype::kInt64;
      break;
    case NPY_BOOL:
      dtype_ = Dtype::kBool;
      break;
    default:
      return false;
  }
  ndim_ = PyArray_NDIM(array);
  shape_.assign(PyArray_DIMS(array), ndim_);
  size_ = 1;
  for (int axis = 0; axis < ndim_; ++axis) size_ *= shape_[axis];
  item_size_ = kind_of(dtype_).itemsize;
  data_ = PyArray_DATA(array);
  owner_ = nb::borrow(object);
  return true;
}

void Array::take_buffer(nb::handle object, Access access) {
  Py_buffer view;
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    refuse_type(name_, "wanted a NumPy array in CPU memory, got " + description(object));
  }
  buffer_.reset(new Buffer{view});
  const char* format = view.format ? view.format : "B";
  const bool swapped = *format == '>' || *format == '!';
  if (*format && std::strchr("@=<>!^", *format)) ++format;  // NumPy writes '=' for an array that is not aligned
  const Kind* found = nullptr;
  for (const Kind& kind : kKinds) {
    if (*format && !format[1] && std::strchr(kind.formats, *format) && view.itemsize == kind.itemsize) found = &kind;
  }
  if (swapped && view.itemsize > 1) {
    refuse(name_, "wanted native byte order, got a byte-swapped array");
  } else if (found && !PyBuffer_IsContiguous(&view, 'C')) {
    refuse(name_, "wanted a C-contiguous array, got one with gaps or another order");
  } else if (found && view.len && reinterpret_cast<uintptr_t>(view.buf) % uintptr_t(view.itemsize)) {
    refuse(name_, "wanted an aligned array, got one that does not start at a multiple of its item size");
  } else if (access == kWrite && view.readonly) {
    refuse(name_, "wanted a writable array, got a read-only one");
  }
  if (!found) refuse_type(name_, "wanted an array of numbers, got " + description(object));
  dtype_ = found->dtype;
  ndim_ = view.ndim;
  shape_.assign(view.shape, ndim_);
  item_size_ = view.itemsize;
  size_ = view.len / view.itemsize;
  data_ = view.buf;
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
  if (ndim_ != ndim) {
    refuse(name_, "wanted " + std::to_string(ndim) + " dimensions, got shape " + shape_text(*this));
  }
  return *this;
}

const Array& Array::want_shape(std::initializer_list<int64_t> shape) const {
  bool same = ndim_ == int(shape.size());
  for (int i = 0; same && i < ndim_; ++i) same = shape.begin()[i] < 0 || shape.begin()[i] == shape_[i];
  if (!same) {
    refuse(name_, "wanted shape " + shape_text(shape.begin(), int(shape.size())) + ", got " + shape_text(*this));
  }
  return *this;
}

const Array& Array::want_shape_of(const Array& other) const {
  bool same = ndim_ == other.ndim_;
  for (int i = 0; same && i < ndim_; ++i) same = shape_[i] == other.shape_[i];
  if (!same) refuse(name_, "wanted shape " + shape_text(other) + " like " + other.name_ + ", got " + shape_text(*this));
  return *this;
}

bool Array::overlaps(const Array& other) const {
  const auto a = reinterpret_cast<uintptr_t>(data_), b = reinterpret_cast<uintptr_t>(other.data_);
  const auto a_bytes = uintptr_t(num_bytes()), b_bytes = uintptr_t(other.num_bytes());
  return a_bytes > 0 && b_bytes > 0 && a < b + b_bytes && b < a + a_bytes;
}

const Array& Array::want_apart_from(const Array& other) const {
  if (overlaps(other)) refuse(name_, std::string("overlaps ") + other.name_);
  return *this;
}

const Array& Array::want_apart_from_or_same(const Array& other) const {
  const bool same = data_ == other.data_ && num_bytes() == other.num_bytes();
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
