// Ground of sprat.hpp: errors, and arrays of the caller.
#ifndef SPRAT_SPAN_HPP
#define SPRAT_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "sprat/sprat.h"

namespace sprat {

// What sprat_last_error() says, and the status.
class Error : public std::runtime_error {
 public:
  Error(sprat_status status, const std::string& line) : std::runtime_error(line), status_(status) {}
  sprat_status status() const noexcept { return status_; }

 private:
  sprat_status status_;
};

// Throws unless the call was accepted.
inline void check(sprat_status status) {
  if (status != SPRAT_OK) throw Error(status, sprat_last_error());
}

// Some elements in a row that belong to somebody else; std::span where there is none.
template <class T>
class Span {
 public:
  using element_type = T;
  constexpr Span() noexcept = default;
  constexpr Span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  template <class C, class Element = std::remove_pointer_t<decltype(std::data(std::declval<C&>()))>,
            class = std::enable_if_t<std::is_convertible_v<Element (*)[], T (*)[]> &&
                                     !std::is_same_v<std::remove_cv_t<std::remove_reference_t<C>>, Span>>>
  constexpr Span(C&& array) noexcept : data_(std::data(array)), size_(std::size(array)) {}

  constexpr T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T* begin() const noexcept { return data_; }
  constexpr T* end() const noexcept { return data_ + size_; }
  constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};
template <class C>
Span(C&&) -> Span<std::remove_pointer_t<decltype(std::data(std::declval<C&>()))>>;

namespace detail {

// The numbers of an array's elements.
template <class C>
using Number = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(std::declval<C&>()))>>;

template <class T>
struct DtypeOf;
template <>
struct DtypeOf<float> : std::integral_constant<sprat_dtype, SPRAT_FLOAT32> {};
template <>
struct DtypeOf<double> : std::integral_constant<sprat_dtype, SPRAT_FLOAT64> {};
template <>
struct DtypeOf<std::int8_t> : std::integral_constant<sprat_dtype, SPRAT_INT8> {};
template <>
struct DtypeOf<std::uint8_t> : std::integral_constant<sprat_dtype, SPRAT_UINT8> {};

[[noreturn]] inline void refuse(const std::string& line) { throw Error(SPRAT_INVALID_ARGUMENT, line); }

inline void want_size(const char* name, std::size_t size, std::size_t wanted) {
  if (size == wanted) return;
  refuse(std::string(name) + ": wanted " + std::to_string(wanted) + " elements, got " + std::to_string(size));
}

inline void want_dtype(const char* name, sprat_dtype dtype, sprat_dtype wanted) {
  if (dtype == wanted) return;
  refuse(std::string(name) + ": wanted " + (wanted == SPRAT_FLOAT32 ? "float" : "double") + " numbers");
}

// An empty span may point somewhere; sprat.h's optional arrays are NULL where there is none.
template <class T>
T* or_null(Span<T> array) noexcept {
  return array.empty() ? nullptr : array.data();
}

// A model that is packed has none.
inline void want_mlp(const sprat_mlp* mlp) {
  if (!mlp) refuse("mlp: wanted a network, got none");
}

template <auto Destroy>
struct Deleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    Destroy(handle);
  }
};

}  // namespace detail

// The dtype of float, double, std::int8_t, std::uint8_t.
template <class T>
inline constexpr sprat_dtype dtype_of = detail::DtypeOf<std::remove_cv_t<T>>::value;

}  // namespace sprat

#endif
