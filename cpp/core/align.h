// Memory that starts on a cache line.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/huge_pages.h"

namespace sprat {

inline constexpr int64_t kAlignment = 64;  // bytes: one cache line, one AVX-512 register

inline bool is_aligned(const void* pointer, int64_t alignment) {
  return reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(alignment) == 0;
}

// size() elements at a multiple of 64 bytes, not initialised. Never throws: allocate answers false without memory.
// Trivial types only, since nothing is constructed or destroyed.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  AlignedBuffer() = default;
  ~AlignedBuffer() { std::free(data_); }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Gives up what it holds and takes memory for `size` elements. False, and empty, when there is none.
  [[nodiscard]] bool allocate(int64_t size) {
    std::free(std::exchange(data_, nullptr));
    size_ = 0;
    if (size <= 0) return size == 0;
    constexpr int64_t kMostBytes = std::numeric_limits<int64_t>::max() - kAlignment;
    if (size > kMostBytes / static_cast<int64_t>(sizeof(T))) return false;
    const int64_t bytes = (size * static_cast<int64_t>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
    data_ = static_cast<T*>(allocate_pages(static_cast<size_t>(kAlignment), static_cast<size_t>(bytes)));
    if (data_ == nullptr) return false;
    size_ = size;
    return true;
  }

  // Like allocate, but keeps the memory it has when that is large enough; size() does not shrink.
  [[nodiscard]] bool reserve(int64_t size) { return size <= size_ || allocate(size); }

  void fill_zero() {
    if (size_ > 0) std::memset(static_cast<void*>(data_), 0, static_cast<size_t>(size_) * sizeof(T));
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  explicit operator bool() const { return data_ != nullptr; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace sprat
