// The integer nearest to x / scale without the division, or the knowledge that it takes one.
//
// An IEEE division takes as long as five to ten multiplications. With u = 2^-24 (2^-53 for double), r = 1 / scale
// rounded, and w(r) = x * r + magic, where adding magic = 1.5 * 2^23 (1.5 * 2^52) rounds to an integer, ties to even:
//
//   if  w(r (1 - k u)) = w(r (1 + k u)),  then w - magic = round_half_even(x / scale), where that is below 2^22 (2^51),
//   and otherwise w lies as far beyond it: saturation gives the same code.
//
// Proof. Let q be the quotient, rounded as IEEE asks. r and the two products r (1 -+ k u) are off by at most a factor
// of 1 +- u each, q by one more, so the exact products x r (1 -+ k u) enclose q for k >= 4, with room of at least u |q|
// on either side; for k >= 8 they do so even after they are rounded themselves, as without a fused multiply-add. Adding
// and rounding is monotone: if both ends give the same w, so does q. Is q a half? Then the ends lie on different sides
// of it, and differ. So q is no half, and w is its nearest integer, whichever way ties go: zero_point may be added to
// magic. Where |x / scale| >= 2^23, the ends are at least 2^23 * 6 u > 2 apart and differ, or both have overflown to
// the infinity of the right sign. A quotient that underflows is 0 for all three. A NaN differs from itself.
//
// About |q| * 2 k u of all quotients lie too near to a half: one in ten thousand of int8 codes.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
constexpr T kRoundingMagic = sizeof(T) == 4 ? T(12582912.0) : T(kRoundMagic);

template <class T>
constexpr T kLeastNormal = sizeof(T) == 4 ? T(1.17549435082228750797e-38) : T(2.22507385850720138309e-308);

// x and a denormal scale times a power of 2: the same quotient, but processors divide denormal numbers slowly. An x
// that overflows here was beyond all codes before.
template <class V>
SPRAT_HD SPRAT_INLINE V without_denormals(V x, V scale) {
  using T = Scalar<V>;
  return x * select(scale < V(kLeastNormal<T>), V(T(18446744073709551616.0)), V(T(1)));
}

template <class V>
struct Bracket {
  V low, high;  // reciprocals of the scale on both sides
  V offset;     // magic + zero_point

  // Denormal scales, and those whose reciprocals are nearly denormal, have less than full precision: the ends are NaN,
  // and nothing is sure.
  SPRAT_HD SPRAT_INLINE static Bracket of(V scale, V zero_point) {
    using T = Scalar<V>;
    constexpr T kUnit = sizeof(T) == 4 ? T(5.9604644775390625e-08) : T(1.1102230246251565404e-16);
    constexpr T kApart = kHasFastFma ? 4 * kUnit : 8 * kUnit;
    constexpr T kLeast = kLeastNormal<T>, kMost = T(0.5) / kLeast;  // 2^-126 and 2^125, 2^-1022 and 2^1021
    const V reciprocal = select(scale >= V(kLeast) && scale <= V(kMost), V(T(1)) / scale, V(T(__builtin_nan(""))));
    return {reciprocal * V(1 - kApart), reciprocal * V(1 + kApart), zero_point + V(kRoundingMagic<T>)};
  }

  // magic + round_half_even(x / scale) + zero_point where `sure`.
  SPRAT_HD SPRAT_INLINE V shifted_code(V x, Mask<V>& sure) const {
    const V code = mul_add(x, low, offset);
    sure = code == mul_add(x, high, offset);
    return code;
  }
};

SPRAT_ISA_END
