// What the functions of the C ABI ask about arrays: a pointer, a dtype and a number of elements.
#pragma once

#include <cstdint>
#include <cstring>

#include "api/status.h"
#include "core/align.h"  // is_aligned

namespace sprat {

inline bool is_float(sprat_dtype dtype) { return dtype == SPRAT_FLOAT32 || dtype == SPRAT_FLOAT64; }

inline int64_t item_size(sprat_dtype dtype) { return dtype == SPRAT_FLOAT64 ? 8 : dtype == SPRAT_FLOAT32 ? 4 : 1; }

inline const char* advance(const void* array, int64_t elements, int64_t element_size) {
  return static_cast<const char*>(array) + elements * element_size;
}
inline char* advance(void* array, int64_t elements, int64_t element_size) {
  return static_cast<char*>(array) + elements * element_size;
}

// Whether rows * columns elements fit an address space.
inline bool size_fits(int64_t rows, int64_t columns) {
  return rows == 0 || columns == 0 || rows <= INT64_MAX / 8 / columns;
}

// Two runs of bytes that share some.
inline bool overlap(const void* a, int64_t a_bytes, const void* b, int64_t b_bytes) {
  const auto x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b);
  return a && b && x < y + static_cast<uintptr_t>(b_bytes) && y < x + static_cast<uintptr_t>(a_bytes);
}
inline bool overlap(const void* a, const void* b, int64_t n) { return overlap(a, n, b, n); }

inline sprat_status check_array(const char* name, const void* array, int64_t element_size) {
  SPRAT_REQUIRE(array, "%s must not be NULL", name);
  SPRAT_REQUIRE(is_aligned(array, element_size), "%s: wanted an array aligned to its element", name);
  return SPRAT_OK;
}

// Optimizers, activations and losses are known by their place in a list of their kernels, and found there by name.
template <class Kernels>
const char* name_in(const Kernels& kernels, int32_t index) {
  return index >= 0 && index < kernels.count ? kernels.list[index].name : nullptr;
}
template <class Kernels>
int32_t find_in(const Kernels& kernels, const char* name) {
  for (int32_t i = 0; name && i < kernels.count; ++i) {
    if (std::strcmp(kernels.list[i].name, name) == 0) return i;
  }
  return -1;
}

}  // namespace sprat
