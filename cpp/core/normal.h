// Normal deviates by inversion: z = quantile of the standard normal distribution at a uniform p.
//
// Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), routine
// PPND16: three rational functions of degree 7 with a relative error of about 1e-16. Inversion takes exactly one p for
// each deviate, so element i of a stream stays a function of i; and with sprat's own log it has the same bits on every
// machine, which a library's log does not promise.
#pragma once

#include <cstdint>

#include "core/macros.h"
#include "simd/math.h"

SPRAT_ISA_BEGIN

// (a[0] + a[1] r + ... + a[7] r^7) / (1 + b[0] r + ... + b[6] r^7)
SPRAT_HD inline double rational7(const double (&a)[8], const double (&b)[7], double r) {
  double numerator = a[7], denominator = b[6];
  for (int i = 6; i >= 0; --i) {
    numerator = numerator * r + a[i];
    denominator = denominator * r + (i > 0 ? b[i - 1] : 1.0);
  }
  return numerator / denominator;
}

// The z with P(Z <= z) = p, for 0 < p < 1.
SPRAT_HD inline double normal_quantile(double p) {
  const double q = p - 0.5;
  if (abs(q) <= 0.425) {
    constexpr double a[8] = {3.3871328727963666080,    1.3314166789178437745e+2, 1.9715909503065514427e+3,
                             1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                             3.3430575583588128105e+4, 2.5090809287301226727e+3};
    constexpr double b[7] = {4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
                             2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
                             5.2264952788528545610e+3};
    return q * rational7(a, b, 0.180625 - q * q);
  }
  const double r = sqrt(-log(q < 0 ? p : 1.0 - p));
  double z;
  if (r <= 5.0) {
    constexpr double c[8] = {1.42343711074968357734,    4.63033784615654529590,   5.76949722146069140550,
                             3.64784832476320460504,    1.27045825245236838258,   2.41780725177450611770e-1,
                             2.27238449892691845833e-2, 7.74545014278341407640e-4};
    constexpr double d[7] = {2.05319162663775882187,    1.67638483018380384940,    6.89767334985100004550e-1,
                             1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
                             1.05075007164441684324e-9};
    z = rational7(c, d, r - 1.6);
  } else {
    constexpr double e[8] = {6.65790464350110377720,    5.46378491116411436990,    1.78482653991729133580,
                             2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                             2.71155556874348757815e-5, 2.01033439929228813265e-7};
    constexpr double f[7] = {5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                             7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
                             2.04426310338993978564e-15};
    z = rational7(e, f, r - 5.0);
  }
  return q < 0 ? -z : z;
}

// One standard normal deviate of 64 random bits: p is the middle of one of 2^52 equal parts of (0, 1), so never 0 or 1,
// and symmetric about 1/2. The largest |z| is 8.21.
SPRAT_HD inline double standard_normal(uint64_t word) {
  return normal_quantile((static_cast<double>(word >> 12) + 0.5) * 0x1p-52);
}

SPRAT_ISA_END
