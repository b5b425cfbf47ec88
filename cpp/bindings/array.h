// Array arguments: borrowed and checked before a pointer is taken. NumPy's arrays by their fields, which takes some
// nanoseconds; whatever else holds numbers, and whatever must be refused, through the buffer protocol.
//
//   Array x("x", object, kRead);                       // contiguous, aligned, native byte order; else one line
//   x.want_dtype(kFloats).want_shape({rows, columns});
//   call(x.as_dtype(), x.data(), x.size());            // may release the GIL while x lives
//
// Not nb::ndarray: it converts where we must not, does not look at alignment, and its refusal is a page.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>

#include "bindings/common.h"

namespace sprat::bindings {

enum class Dtype : uint32_t {
  kFloat32 = 1,
  kFloat64 = 2,
  kInt8 = 4,
  kUint8 = 8,
  kInt32 = 16,
  kInt64 = 32,
  kBool = 64,
  kUint16 = 128
};
constexpr uint32_t operator|(Dtype a, Dtype b) { return uint32_t(a) | uint32_t(b); }
constexpr uint32_t operator|(uint32_t a, Dtype b) { return a | uint32_t(b); }
constexpr uint32_t kFloats = Dtype::kFloat32 | Dtype::kFloat64;

enum Access { kRead, kWrite };

class Array {
 public:
  Array(const char* name, nb::handle object, Access access);
  Array(Array&&) noexcept = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

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
  int ndim() const { return ndim_; }
  int64_t shape(int axis) const { return shape_[axis]; }
  int64_t size() const { return size_; }
  int64_t num_bytes() const { return size_ * item_size_; }
  void* data() const { return data_; }  // of a read-only array too: do not write what was taken by kRead

 private:
  static constexpr int kInlineAxes = 6;
  struct Buffer;
  struct GiveBack {
    void operator()(Buffer* buffer) const;
  };
  // The extents: a copy, as an array may be given another shape while it is borrowed.
  class Shape {
   public:
    void assign(const Py_ssize_t* extents, int ndim);
    int64_t operator[](int axis) const { return many_ ? many_[size_t(axis)] : few_[axis]; }

   private:
    int64_t few_[kInlineAxes];
    std::unique_ptr<int64_t[]> many_;
  };

  bool take_fields(nb::handle object, Access access);
  void take_buffer(nb::handle object, Access access);
  bool overlaps(const Array& other) const;

  const char* name_;
  void* data_ = nullptr;
  int64_t size_ = 0, item_size_ = 0;
  Dtype dtype_{};
  int ndim_ = 0;
  Shape shape_;
  nb::object owner_;                          // the ndarray whose fields were taken,
  std::unique_ptr<Buffer, GiveBack> buffer_;  // or the view of any other object
};

// An array or None.
inline std::optional<Array> optional_array(const char* name, nb::handle object, Access access) {
  return object.is_none() ? std::nullopt : std::optional<Array>(std::in_place, name, object, access);
}
inline void* data_or_null(const std::optional<Array>& array) { return array ? array->data() : nullptr; }

}  // namespace sprat::bindings
