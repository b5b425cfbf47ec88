// The words of vec.h for one number: plain float, double and their integers.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/macros.h"

SPRAT_ISA_BEGIN

template <class I>
concept Integer = std::is_integral_v<I>;
template <class T>
concept Number = std::is_arithmetic_v<T>;

// The signed integer as wide as T.
template <class T>
using IntOf = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <class T>
constexpr IntOf<T> kSignBit = static_cast<IntOf<T>>(sizeof(T) == 4 ? 0x80000000 : 0x8000000000000000);

// x + 1.5 * 2^52 has no fraction bits left: rounds |x| <= 2^51 to an integer, ties to even.
constexpr double kRoundMagic = 6755399441055744.0;

template <class T>
SPRAT_HD SPRAT_INLINE T scalar_from_bits(IntOf<T> bits) {
  return __builtin_bit_cast(T, bits);
}
SPRAT_HD SPRAT_INLINE int32_t to_bits(float a) { return __builtin_bit_cast(int32_t, a); }
SPRAT_HD SPRAT_INLINE int64_t to_bits(double a) { return __builtin_bit_cast(int64_t, a); }

// float and double overloads, not templates: max(x, 0) and fma(x, 2, y) convert their constants.
SPRAT_HD SPRAT_INLINE float select(bool m, float a, float b) { return m ? a : b; }
SPRAT_HD SPRAT_INLINE double select(bool m, double a, double b) { return m ? a : b; }
SPRAT_HD SPRAT_INLINE float min(float a, float b) { return a < b ? a : b; }
SPRAT_HD SPRAT_INLINE double min(double a, double b) { return a < b ? a : b; }
SPRAT_HD SPRAT_INLINE float max(float a, float b) { return a > b ? a : b; }
SPRAT_HD SPRAT_INLINE double max(double a, double b) { return a > b ? a : b; }
SPRAT_HD SPRAT_INLINE float clamp(float a, float low, float high) { return min(max(a, low), high); }
SPRAT_HD SPRAT_INLINE double clamp(double a, double low, double high) { return min(max(a, low), high); }

SPRAT_HD SPRAT_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SPRAT_HD SPRAT_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
SPRAT_HD SPRAT_INLINE float sqrt(float a) { return __builtin_sqrtf(a); }
SPRAT_HD SPRAT_INLINE double sqrt(double a) { return __builtin_sqrt(a); }
SPRAT_HD SPRAT_INLINE float abs(float a) { return __builtin_fabsf(a); }
SPRAT_HD SPRAT_INLINE double abs(double a) { return __builtin_fabs(a); }
SPRAT_HD SPRAT_INLINE float copysign(float a, float sign) { return __builtin_copysignf(a, sign); }
SPRAT_HD SPRAT_INLINE double copysign(double a, double sign) { return __builtin_copysign(a, sign); }
// In the default rounding direction, the only one sprat runs in, rint is roundeven.
SPRAT_HD SPRAT_INLINE float round_even(float a) { return __builtin_rintf(a); }
SPRAT_HD SPRAT_INLINE double round_even(double a) { return __builtin_rint(a); }

SPRAT_HD SPRAT_INLINE int32_t round_to_int(float a) { return static_cast<int32_t>(round_even(a)); }
SPRAT_HD SPRAT_INLINE int64_t round_to_int(double a) { return static_cast<int64_t>(round_even(a)); }
SPRAT_HD SPRAT_INLINE float to_real(int32_t i) { return static_cast<float>(i); }
SPRAT_HD SPRAT_INLINE double to_real(int64_t i) { return static_cast<double>(i); }

template <Integer I>
SPRAT_HD SPRAT_INLINE I select(bool m, I a, I b) {
  return m ? a : b;
}
template <Integer I>
SPRAT_HD SPRAT_INLINE I min(I a, I b) {
  return a < b ? a : b;
}
template <Integer I>
SPRAT_HD SPRAT_INLINE I max(I a, I b) {
  return a > b ? a : b;
}
template <Integer I>
SPRAT_HD SPRAT_INLINE I shift_right_logical(I i, int n) {
  return static_cast<I>(static_cast<std::make_unsigned_t<I>>(i) >> n);
}

SPRAT_HD SPRAT_INLINE uint32_t mask_bits(bool m) { return m; }
SPRAT_HD SPRAT_INLINE int count(bool m) { return m; }
SPRAT_HD SPRAT_INLINE bool any(bool m) { return m; }
SPRAT_HD SPRAT_INLINE bool all(bool m) { return m; }

SPRAT_ISA_END
