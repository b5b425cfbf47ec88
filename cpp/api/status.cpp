#include "api/status.h"

#include <cstdarg>
#include <cstdio>

namespace sprat {
namespace {
thread_local char last_error[512] = "";
}

sprat_status refuse(sprat_status status, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}

}  // namespace sprat

const char* sprat_last_error(void) noexcept { return sprat::last_error; }
uint32_t sprat_abi_version(void) noexcept { return SPRAT_ABI_VERSION; }
const char* sprat_version(void) noexcept { return SPRAT_VERSION; }
