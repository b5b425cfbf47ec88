// How a file is refused: one line that names the first thing wrong. Thrown inside this room, caught at the library's
// door.
#pragma once

#include <string>
#include <string_view>

namespace sprat::io {

struct FormatError {
  std::string line;
};

// A file that is as it should be, and of no use here.
struct Unsupported {
  std::string line;
};

[[noreturn, gnu::format(printf, 1, 2)]] void wrong(const char* format, ...);

// A text of a file for a message: quoted, printable ASCII, and short, whoever wrote it.
std::string quoted(std::string_view text);

}  // namespace sprat::io
