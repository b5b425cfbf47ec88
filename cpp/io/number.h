// Numbers of JSON text.
#pragma once

#include <cstdint>
#include <string_view>

namespace sprat::io {

// The float64 nearest to a number as JSON writes it, half to even; infinite where it is beyond. Knows no locale.
double to_real(std::string_view digits);

// False unless -2^63 < value < 2^63.
bool to_integer(std::string_view digits, int64_t& value);

}  // namespace sprat::io
