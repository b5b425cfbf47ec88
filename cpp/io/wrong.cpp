#include "io/wrong.h"

#include <cstdarg>
#include <cstdio>

namespace sprat::io {

void wrong(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  throw FormatError{line};
}

std::string quoted(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string shown = "'";
  for (const char c : text) {
    if (shown.size() > kMost) return shown + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      shown += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      shown += escaped;
    }
  }
  return shown + "'";
}

}  // namespace sprat::io
