// Smallest and largest finite number. Infinities and NaN are counted, not compared.
//
// Minimum and maximum do not depend on the order in which they are taken, save for -0 and 0: both end as 0.
#pragma once

#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
constexpr T kLargest = sizeof(T) == 4 ? T(3.40282346638528859812e+38) : T(1.79769313486231570815e+308);
template <class T>
constexpr T kInfinity = sizeof(T) == 4 ? T(__builtin_inff()) : T(__builtin_inf());

template <class V>
struct ValueRange {
  V low = V(kInfinity<Scalar<V>>), high = V(-kInfinity<Scalar<V>>);  // nothing seen yet
  int64_t non_finite = 0;

  SPRAT_HD SPRAT_INLINE void add(V x) {
    const auto finite = abs(x) <= V(kLargest<Scalar<V>>);
    low = min(select(finite, x, low), low);
    high = max(select(finite, x, high), high);
    non_finite += kLanes<V> - count(finite);
  }
};

template <class T>
SPRAT_HD SPRAT_INLINE void merge(ValueRange<T>& into, T low, T high, int64_t non_finite) {
  into.low = min(low, into.low) + T(0);
  into.high = max(high, into.high) + T(0);
  into.non_finite += non_finite;
}

SPRAT_ISA_END
