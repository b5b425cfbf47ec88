// Text in UTF-8. JSON may escape half of a surrogate pair, which is no character: such a half is kept in the three
// bytes that UTF-8 would use, which no valid text has, so that different texts stay different and the order of bytes is
// that of code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sprat::io {

// Where the first byte stands that is not UTF-8 (Unicode 15, table 3-7); text.size() if there is none.
size_t valid_utf8(std::string_view text);

// Whether it holds half of a surrogate pair.
bool has_surrogates(std::string_view text);

void append_code_point(std::string& text, uint32_t code_point);

}  // namespace sprat::io
