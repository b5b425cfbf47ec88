// How a function of the C ABI refuses: one line for sprat_last_error(), and a status.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

// An integer as %lld wants it.
inline long long shown(int64_t value) { return value; }

[[gnu::format(printf, 2, 3)]] sprat_status refuse(sprat_status status, const char* format, ...) noexcept;

}  // namespace sprat

// Returns from the calling function unless the condition holds.
#define SPRAT_REQUIRE(condition, ...)                                            \
  do {                                                                           \
    if (!(condition)) return sprat::refuse(SPRAT_INVALID_ARGUMENT, __VA_ARGS__); \
  } while (0)

#define SPRAT_RETURN_IF_REFUSED(call)                        \
  do {                                                       \
    if (const sprat_status status_ = (call)) return status_; \
  } while (0)
