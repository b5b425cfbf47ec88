// Array arguments: borrowed through the buffer protocol and checked before a pointer is taken.
//
//   Array x("x", object, kRead);                       // contiguous, aligned, native byte order; else one line
//   x.want_dtype(kFloats).want_shape({rows, columns});
//   call(x.as_dtype(), x.data(), x.size());            // may release the GIL while x lives
//
// Not nb::ndarray: it converts where we must not, does not look at alignment, and its refusal is a page.
#pragma once

#include <initializer_list>
#include <optional>
#include <utility>

#include "bindings/common.h"

namespace sprat::bindings {

enum class Dtype : uint32_t { kFloat32 = 1, kFloat64 = 2, kInt8 = 4, kUint8 = 8, kInt32 = 16, kInt64 = 32, kBool = 64 };
constexpr uint32_t operator|(Dtype a, Dtype b) { return uint32_t(a) | uint32_t(b); }
constexpr uint32_t operator|(uint32_t a, Dtype b) { return a | uint32_t(b); }
constexpr uint32_t kFloats = Dtype::kFloat32 | Dtype::kFloat64;

enum Access { kRead, kWrite };

class Array {
 public:
  Array(const char* name, nb::handle object, Access access);
  Array(Array&& other) noexcept : name_(other.name_), view_(other.view_), dtype_(other.dtype_) {
    other.view_.obj = nullptr;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { PyBuffer_Release(&view_); }  // nothing happens to a view without an object

  // Each throws TypeError or ValueError with one line, or returns the array.
  const Array& want_dtype(uint32_t allowed) const;  // any of these
  const Array& want_dtype_of(const Array& other) const;
  const Array& want_ndim(int ndim) const;
  const Array& want_shape(std::initializer_list<int64_t> shape) const;  // -1: any length
  const Array& want_shape_of(const Array& other) const;
  const Array& want_apart_from(const Array& other) const;          // no byte in common
  const Array& want_apart_from_or_same(const Array& other) const;  // or exactly the same elements

  const char* name() const { return name_; }
  Dtype dtype() const { return dtype_; }
  bool is(Dtype dtype) const { return dtype_ == dtype; }
  sprat_dtype as_dtype() const;  // float32, float64, int8 and uint8 only
  int ndim() const { return view_.ndim; }
  int64_t shape(int axis) const { return view_.shape[axis]; }
  int64_t size() const { return view_.len / view_.itemsize; }
  int64_t num_bytes() const { return view_.len; }
  void* data() const {
    return view_.buf;
  }  // a read-only array gets a pointer too: do not write what was taken by kRead

 private:
  bool overlaps(const Array& other) const;

  const char* name_;
  Py_buffer view_{};
  Dtype dtype_{};
};

// An array or None.
inline std::optional<Array> optional_array(const char* name, nb::handle object, Access access) {
  return object.is_none() ? std::nullopt : std::optional<Array>(std::in_place, name, object, access);
}
inline void* data_or_null(const std::optional<Array>& array) { return array ? array->data() : nullptr; }

}  // namespace sprat::bindings
