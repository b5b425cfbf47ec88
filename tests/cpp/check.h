// The whole test framework: checks that count, print file:line and both values, and let the test go on.
//
//   #include "check.h"
//   int main() {
//     CHECK(1 + 1 == 2);
//     CHECK_EQ(lanes, 8);                 // prints both values when they differ
//     CHECK_NEAR(loss, 0.25, 1e-6);       // absolute difference; a NaN is never near
//     CHECK_SAME_BITS(result, expected);  // float or double: equal bits (tells -0 from 0), any NaN equals any NaN
//     return check::report();             // non-zero when a check failed, or when none ran
//   }
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>

namespace check {

inline long count = 0;
inline long failures = 0;
inline constexpr long kShownFailures = 25;  // a broken kernel fails a million times: show the first ones

inline void record(bool passed, const char* file, int line, const std::string& what) {
  ++count;
  if (passed) return;
  ++failures;
  if (failures <= kShownFailures) std::cerr << file << ':' << line << ": " << what << '\n';
}

template <class T>
std::string show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_arithmetic_v<T> && sizeof(T) == 1 && !std::is_same_v<T, bool>) {
    out << static_cast<int>(value);  // int8 and uint8 are numbers here, not characters
  } else {
    if constexpr (std::is_floating_point_v<T>) out << std::setprecision(std::numeric_limits<T>::max_digits10);
    out << std::boolalpha << value;
  }
  return out.str();
}

// Equal as numbers: -1 is not 4294967295u.
template <class A, class B>
bool equal(const A& actual, const B& expected) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B>) {
    if constexpr (std::is_signed_v<A> != std::is_signed_v<B>) {
      if ((std::is_signed_v<A> && actual < A{}) || (std::is_signed_v<B> && expected < B{})) return false;
    }
    using Common = std::common_type_t<A, B>;
    return static_cast<Common>(actual) == static_cast<Common>(expected);
  } else {
    return actual == expected;
  }
}

inline bool same_bits(float a, float b) { return (a != a && b != b) || std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same_bits(double a, double b) { return (a != a && b != b) || std::memcmp(&a, &b, sizeof a) == 0; }

inline int report() {
  if (failures > kShownFailures) std::cerr << "... and " << failures - kShownFailures << " more\n";
  std::cout << count << " checks, " << failures << " failed\n";
  return (failures != 0 || count == 0) ? 1 : 0;
}

// A test built for an instruction set starts with  if (!check::cpu_runs_this_build()) return check::kSkipped;
inline constexpr int kSkipped = 77;
inline bool cpu_runs_this_build() {
#if defined(__AVX512VNNI__)
  if (!__builtin_cpu_supports("avx512vnni")) return false;
#endif
#if defined(__AVX512F__)
  if (!__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw")) return false;
  if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512f")) return false;
#endif
#if defined(__AVX2__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
#endif
  return true;
}

}  // namespace check

#define CHECK(condition) ::check::record(static_cast<bool>(condition), __FILE__, __LINE__, #condition)

#define CHECK_EQ(actual, expected)                                                                                 \
  do {                                                                                                             \
    const auto& check_actual = (actual);                                                                           \
    const auto& check_expected = (expected);                                                                       \
    const bool check_passed = ::check::equal(check_actual, check_expected);                                        \
    ::check::record(check_passed, __FILE__, __LINE__,                                                              \
                    check_passed ? std::string()                                                                   \
                                 : #actual " == " #expected ": got " + ::check::show(check_actual) + ", wanted " + \
                                       ::check::show(check_expected));                                             \
  } while (false)

#define CHECK_NEAR(actual, expected, tolerance)                                                                        \
  do {                                                                                                                 \
    const double check_actual = (actual);                                                                              \
    const double check_expected = (expected);                                                                          \
    const double check_difference =                                                                                    \
        check_actual > check_expected ? check_actual - check_expected : check_expected - check_actual;                 \
    const bool check_passed = check_actual == check_expected || check_difference <= (tolerance);                       \
    ::check::record(check_passed, __FILE__, __LINE__,                                                                  \
                    check_passed ? std::string()                                                                       \
                                 : #actual " near " #expected ": got " + ::check::show(check_actual) + ", wanted " +   \
                                       ::check::show(check_expected) + ", off by " + ::check::show(check_difference)); \
  } while (false)

#define CHECK_SAME_BITS(actual, expected)                                                                         \
  do {                                                                                                            \
    const auto check_actual = (actual);                                                                           \
    const decltype(check_actual) check_expected = (expected);                                                     \
    const bool check_passed = ::check::same_bits(check_actual, check_expected);                                   \
    ::check::record(check_passed, __FILE__, __LINE__,                                                             \
                    check_passed ? std::string()                                                                  \
                                 : #actual " has the bits of " #expected ": got " + ::check::show(check_actual) + \
                                       ", wanted " + ::check::show(check_expected));                              \
  } while (false)
