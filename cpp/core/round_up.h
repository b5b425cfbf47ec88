#pragma once

#include <cstdint>

#include "core/macros.h"

namespace sprat {

// The smallest multiple of `unit` that is at least n. Neither is negative.
SPRAT_INLINE constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace sprat
