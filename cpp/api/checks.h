// What the functions of the C ABI ask about pointers and sizes.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

inline bool is_float(sprat_dtype dtype) { return dtype == SPRAT_FLOAT32 || dtype == SPRAT_FLOAT64; }

inline int64_t item_size(sprat_dtype dtype) { return dtype == SPRAT_FLOAT64 ? 8 : dtype == SPRAT_FLOAT32 ? 4 : 1; }

inline bool is_aligned(const void* array, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(array) % static_cast<uintptr_t>(bytes) == 0;
}

// Whether rows * columns elements fit an address space.
inline bool size_fits(int64_t rows, int64_t columns) {
  return rows == 0 || columns == 0 || rows <= INT64_MAX / 8 / columns;
}

// Two runs of n bytes that share some.
inline bool overlap(const void* a, const void* b, int64_t n) {
  const auto x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b), size = static_cast<uintptr_t>(n);
  return a && b && x < y + size && y < x + size;
}

}  // namespace sprat
