// Parameter structs from callers who may know another header than this library was built with. A struct may grow at its
// end; its first field says how much of it the caller knows.
//  - A smaller one, of an older header: what is missing counts as zero.
//  - A larger one, of a newer header: accepted if everything this library does not know is zero.
// What is neither stays as it is, and the check of its size refuses it.
#pragma once

#include <cstddef>
#include <cstring>

#include "sprat/sprat.h"

namespace sprat {

// Size of the struct in ABI version 1. When a struct grows, write down here what it was.
template <class T>
inline constexpr size_t kFirstSize = sizeof(T);

// No struct will be larger: a size that was never set.
inline constexpr size_t kMostParams = 1024;

// Holds what was taken of a struct; lives as long as the call.
template <class T>
class Params {
 public:
  // Rebinds the pointer to a whole struct where the caller's is not one. NULL stays NULL.
  explicit Params(const T*& given) {
    if (!given || given->size == sizeof(T) || given->size < kFirstSize<T> || given->size > kMostParams) return;
    const auto* bytes = reinterpret_cast<const unsigned char*>(given);
    for (size_t i = sizeof(T); i < given->size; ++i) {
      if (bytes[i] != 0) return;
    }
    whole_ = T{};
    std::memcpy(&whole_, bytes, given->size < sizeof(T) ? given->size : sizeof(T));
    whole_.size = sizeof(T);
    given = &whole_;
  }
  Params(const Params&) = delete;
  Params& operator=(const Params&) = delete;

 private:
  union {
    T whole_;  // not touched unless it is needed
  };
};
template <class T>
Params(const T*&) -> Params<T>;

// A struct that the library fills: `whole` is filled, and given back as far as the caller knows it.
template <class T>
class Result {
 public:
  explicit Result(T* given) : given_(given) {
    if (!given || given->size < kFirstSize<T> || given->size > kMostParams) return;
    size_ = given->size;
    std::memcpy(&whole, given, size_ < sizeof(T) ? size_ : sizeof(T));
    whole.size = sizeof(T);
  }
  ~Result() {
    if (size_ == 0) return;
    whole.size = size_;
    std::memcpy(static_cast<void*>(given_), &whole, size_ < sizeof(T) ? size_ : sizeof(T));
  }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  explicit operator bool() const { return size_ != 0; }

  T whole{};

 private:
  T* given_;
  size_t size_ = 0;
};

}  // namespace sprat
