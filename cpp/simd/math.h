// exp, expm1, log, log1p, tanh, erf, sigmoid over any V: float, double, Vec<float>, Vec<double>.
//
// Written without branches in the words of vec.h alone, each of which is exact or rounded once, so that a value has
// the same bits in every lane of every instruction set, and alone. Infinities, zeros (with their sign), overflow and
// denormal results come out as IEEE 754 asks of a correctly rounded function; a NaN gives a NaN. The bounds in units
// in the last place (ULP) are measured: over all floats, and over 10^8 doubles (tests/cpp/isa/test_math.cpp).
//
// The coefficients come from fit_polynomials.py. softplus is max(V(0), x) + log1p(exp(-abs(x))).
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

// The layout of a format, and where each function has reached its limit.
template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int kFractionBits = 23;
  static constexpr int kBias = 127;
  static constexpr float kMinNormal = 0x1p-126f;
  static constexpr float kInfinity = __builtin_inff();
  static constexpr float kNaN = __builtin_nanf("");
  static constexpr float kRoundMagic = 0x1.8p23f;  // x + this has no fraction bits left
  static constexpr float kLog2E = 1.44269504f;     // 1 / log(2)
  static constexpr float kLn2High = 0.693147182f;  // log(2) = high + low
  static constexpr float kLn2Low = -1.90465421e-9f;
  static constexpr float kExpZero = -104, kExpInfinity = 89;  // below and above: 0 and infinity
  static constexpr float kExpm1MinusOne = -20;                // below: -1
  static constexpr float kTanhOne = 10, kErfOne = 3.95f;      // above: 1
};
template <>
struct Format<double> {
  static constexpr int kFractionBits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kInfinity = __builtin_inf();
  static constexpr double kNaN = __builtin_nan("");
  static constexpr double kRoundMagic = 0x1.8p52;
  static constexpr double kLog2E = 1.4426950408889634;
  static constexpr double kLn2High = 0.69314718055994529;
  static constexpr double kLn2Low = 2.3190468138462996e-17;
  static constexpr double kExpZero = -746, kExpInfinity = 710;
  static constexpr double kExpm1MinusOne = -40;
  static constexpr double kTanhOne = 20, kErfOne = 6;
};
template <class V>
using FormatOf = Format<Scalar<V>>;
template <class V>
constexpr bool kIsFloat = sizeof(Scalar<V>) == sizeof(float);

// c0 + x * (c1 + x * (c2 + ...)), each step rounded once.
template <class V>
SPRAT_HD SPRAT_INLINE V polynomial(V, Scalar<V> c0) {
  return V(c0);
}
template <class V, class... C>
SPRAT_HD SPRAT_INLINE V polynomial(V x, Scalar<V> c0, C... rest) {
  static_assert((std::is_same_v<C, Scalar<V>> && ...));
  return fma(polynomial(x, rest...), x, V(c0));
}

// 2^n for a normal result.
template <class V>
SPRAT_HD SPRAT_INLINE V power_of_two(Int<V> n) {
  return from_bits<V>((n + FormatOf<V>::kBias) << FormatOf<V>::kFractionBits);
}

// e^x = 2^n (1 + expm1_r): x = n log(2) + r with |r| <= log(2) / 2 (Cody & Waite 1980), and e^r - 1 = r + r^2 p(r).
template <class V>
struct ReducedExp {
  Int<V> n;
  V expm1_r;
};
template <class V>
SPRAT_HD SPRAT_INLINE ReducedExp<V> reduce_exp(V x) {
  using F = FormatOf<V>;
  const V shifted = fma(x, V(F::kLog2E), V(F::kRoundMagic));
  const V n = shifted - F::kRoundMagic;
  const V r = fma(n, V(-F::kLn2Low), fma(n, V(-F::kLn2High), x));
  V p;
  if constexpr (kIsFloat<V>) {
    p = polynomial(r, 0.5f, 0.166665763f, 0.0416665114f, 0.00836325157f, 0.00139305042f);
  } else {
    p = polynomial(r, 0.50000000000000011, 0.16666666666666671, 0.041666666666623151, 0.008333333333325893,
                   0.0013888888917506694, 0.00019841269875426533, 2.4801520970632304e-5, 2.7557254801642484e-6,
                   2.7620208853448827e-7, 2.5105421026898544e-8);
  }
  return {to_bits(shifted) - to_bits(V(F::kRoundMagic)), fma(r * r, p, r)};
}

// e^x. ULP: float 1.09, double 1.1.
template <class V>
SPRAT_HD SPRAT_INLINE V exp(V x) {
  using F = FormatOf<V>;
  const auto [n, expm1_r] = reduce_exp(min(V(F::kExpInfinity), max(V(F::kExpZero), x)));  // keeps NaN
  // 2^n in two factors, n = half + (half + n % 2): only the last product can overflow or become denormal and round.
  const Int<V> half = shift_right_logical(n + 2 * F::kBias, 1);  // biased
  const V scale = from_bits<V>(half << F::kFractionBits);
  return fma(scale, expm1_r, scale) * from_bits<V>((half + (n & 1)) << F::kFractionBits);
}

// e^x - 1 for x in [kExpm1MinusOne, kExpInfinity].
template <class V>
SPRAT_HD SPRAT_INLINE V bounded_expm1(V x) {
  const auto [n, expm1_r] = reduce_exp(x);
  const V half = power_of_two<V>(n - 1);  // 2^n alone would overflow before the result does
  return select(n == 0, expm1_r, 2 * fma(half, expm1_r, half - Scalar<V>(0.5)));
}

// e^x - 1. ULP: float 1.7, double 2.3.
template <class V>
SPRAT_HD SPRAT_INLINE V expm1(V x) {
  using F = FormatOf<V>;
  return copysign(bounded_expm1(min(V(F::kExpInfinity), max(V(F::kExpm1MinusOne), x))), x);
}

// tanh x = t / (t + 2) with t = e^(2x) - 1. ULP: float 2.6, double 2.6.
template <class V>
SPRAT_HD SPRAT_INLINE V tanh(V x) {
  const V t = bounded_expm1(2 * min(V(FormatOf<V>::kTanhOne), abs(x)));
  return copysign(t / (t + 2), x);
}

// 1 / (1 + e^-x), as e^x / (1 + e^x) for negative x, so that small results keep their digits.
// ULP: float 2.5, double 2.5.
template <class V>
SPRAT_HD SPRAT_INLINE V sigmoid(V x) {
  const V e = exp(-abs(x));
  return select(x < 0, e, V(1)) / (1 + e);
}

// A positive normal number is 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2).
template <class V>
struct SplitExponent {
  Int<V> k;
  V f;
};
template <class V>
SPRAT_HD SPRAT_INLINE SplitExponent<V> split_exponent(V x) {
  using F = FormatOf<V>;
  const Int<V> bits = to_bits(x);
  const auto to_one = to_bits(Scalar<V>(1)) - to_bits(Scalar<V>(0.70710678118654752));
  const Int<V> k = shift_right_logical(bits + to_one, F::kFractionBits) - F::kBias;
  return {k, from_bits<V>(bits - (k << F::kFractionBits)) - 1};
}

// k log(2) + log(1 + f). With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + s^2 p(s^2)), which
// adds to f, exact, only small terms (the arrangement of fdlibm's log).
template <class V>
SPRAT_HD SPRAT_INLINE V join_log(V k, V f) {
  using F = FormatOf<V>;
  const V s = f / (f + 2);
  const V z = s * s;
  V p;
  if constexpr (kIsFloat<V>) {
    p = polynomial(z, 0.666667759f, 0.399775892f, 0.298705816f);
  } else {
    p = polynomial(z, 0.66666666666667362, 0.39999999999405722, 0.28571428743984745, 0.22222198435196522,
                   0.18183570565272192, 0.15313908347589533, 0.14797240239442028);
  }
  const V half_square = Scalar<V>(0.5) * f * f;
  const V rest = half_square - fma(s, fma(z, p, half_square), k * F::kLn2Low);
  return fma(k, V(F::kLn2High), f - rest);
}

// log of what is no positive finite number.
template <class V>
SPRAT_HD SPRAT_INLINE V log_of_special(V x) {
  using F = FormatOf<V>;
  return select(x == 0, V(-F::kInfinity), select(x < 0, V(F::kNaN), x));
}

// Natural logarithm. ULP: float 0.9, double 0.9.
template <class V>
SPRAT_HD SPRAT_INLINE V log(V x) {
  using F = FormatOf<V>;
  constexpr int kLift = F::kFractionBits + 2;
  const auto ordinary = x > 0 && x < F::kInfinity;
  const auto denormal = x < F::kMinNormal;
  const V lifted = select(denormal, x * power_of_two<V>(Int<V>(kLift)), x);
  const auto [k, f] = split_exponent(select(ordinary, lifted, V(1)));
  return select(ordinary, join_log(to_real(k) - select(denormal, V(kLift), V(0)), f), log_of_special(x));
}

// log(1 + x). What the sum loses is found exactly and put back into f. ULP: float 1.5, double 1.5.
template <class V>
SPRAT_HD SPRAT_INLINE V log1p(V x) {
  using F = FormatOf<V>;
  const V sum = 1 + x;
  const V part = sum - 1;
  const V lost = (1 - (sum - part)) + (x - part);
  const auto ordinary = sum > 0 && sum < F::kInfinity;
  const auto [k, f] = split_exponent(select(ordinary, sum, V(1)));
  const V whole = fma(Scalar<V>(0.5) * lost, power_of_two<V>(1 - k), f);  // 2^-k alone can be denormal
  const V result = join_log(to_real(k), whole);
  return select(x == 0, x, select(ordinary, result, log_of_special(sum)));
}

// Error function: below 1 an odd polynomial, beyond it 1 - exp(-q(x)), where q fits -log(erfc(x)).
// ULP: float 1.1, double 1.1.
template <class V>
SPRAT_HD SPRAT_INLINE V erf(V x) {
  const V a = min(V(FormatOf<V>::kErfOne), abs(x));  // keeps NaN
  const V z = x * x;
  V p;
  V q;
  if constexpr (kIsFloat<V>) {
    p = polynomial(z, 0.128379166f, -0.37612626f, 0.112835824f, -0.0268536434f, 0.00518796267f, -0.000800679321f,
                   7.84228832e-5f);
    q = polynomial(a, -0.000191333063f, 1.12959325f, 0.633191824f, 0.1084475f, -0.0252257604f, 0.00421077758f,
                   -0.000442534278f, 2.17833822e-5f);
  } else {
    p = polynomial(z, 0.12837916709551259, -0.37612638903183876, 0.11283791670958743, -0.026866170645619539,
                   0.0052239776290956578, -0.00085483271896066241, 0.00012055337777810952, -1.4925738504204218e-5,
                   1.646308709483387e-6, -1.6370638290933871e-7, 1.4786548418167036e-8, -1.1830590465705277e-9,
                   6.684830822627492e-11);
    q = polynomial(a, 1.8306930220356266e-7, 1.1283772950124951, 0.63662864740450353, 0.1027467982233643,
                   -0.019077253529636476, -0.00028180776194829371, 0.0017704717951231225, -0.00064245191561505246,
                   4.5701531021867491e-5, 6.9885722023363419e-5, -4.4827464447104544e-5, 1.6441025726192045e-5,
                   -4.3070415088184454e-6, 8.4630113292167342e-7, -1.2500957508577495e-7, 1.3543536084218701e-8,
                   -1.0188167702766415e-9, 4.7608465851732597e-11, -1.0412602596987568e-12);
  }
  const auto [n, expm1_q] = reduce_exp(-q);
  const V scale = power_of_two<V>(n);
  const V beyond = copysign(1 - fma(scale, expm1_q, scale), x);
  return select(a < 1, fma(x, p, x), beyond);
}

SPRAT_ISA_END
