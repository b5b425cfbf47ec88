// What the functions of the C ABI ask about pointers and sizes.
#pragma once

#include <cstdint>

#include "core/align.h"  // is_aligned
#include "sprat/sprat.h"

namespace sprat {

inline bool is_float(sprat_dtype dtype) { return dtype == SPRAT_FLOAT32 || dtype == SPRAT_FLOAT64; }

inline int64_t item_size(sprat_dtype dtype) { return dtype == SPRAT_FLOAT64 ? 8 : dtype == SPRAT_FLOAT32 ? 4 : 1; }

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

}  // namespace sprat
