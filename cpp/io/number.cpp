#include "io/number.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace sprat::io {
namespace {

// Whether a number that float64 cannot hold is too large; else it is too small.
bool is_large(std::string_view digits) {
  const size_t e = std::min(digits.find_first_of("eE"), digits.size());
  const std::string_view mantissa = digits.substr(0, e);
  const size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return false;
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  const auto place = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  if (e == digits.size()) return place > 0;
  std::string_view exponent = digits.substr(e + 1);
  const bool negative = exponent.front() == '-';
  if (exponent.front() == '-' || exponent.front() == '+') exponent.remove_prefix(1);
  int64_t power = 0;
  for (const char c : exponent) power = std::min(power * 10 + (c - '0'), int64_t{1} << 50);
  return place + (negative ? -power : power) > 0;
}

}  // namespace

double to_real(std::string_view digits) {
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc()) return value;
  const double bound = is_large(digits) ? std::numeric_limits<double>::infinity() : 0.0;
  return digits.front() == '-' ? -bound : bound;
}

bool to_integer(std::string_view digits, int64_t& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && value != std::numeric_limits<int64_t>::min();
}

}  // namespace sprat::io
