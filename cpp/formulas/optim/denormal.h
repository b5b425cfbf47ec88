// Denormal numbers make arithmetic several times slower on many CPUs, and an average would end in them for ever: 0.9
// times 4 denormal steps rounds to 4 steps again. Steps keep out of their range by two rules, which give the same bits
// everywhere; the CPU's own flush-to-zero modes would not, and they belong to the caller.
//
//   A gradient (with its weight decay) is 0 below Formula::smallest_gradient: what the formula makes of it, its square
//   or its product with a learning rate, would be denormal at once.
//   Every 16th step, what it writes is 0 below the normal range. More often would cost a third of Adam's speed in
//   cache.
#pragma once

#include <cstdint>

#include "core/macros.h"
#include "simd/math.h"

SPRAT_ISA_BEGIN

// x, or +0 where |x| is below `smallest`. Keeps NaN.
template <class V>
SPRAT_HD SPRAT_INLINE V flush_below(Scalar<V> smallest, V x) {
  return select(abs(x) < V(smallest), V(0), x);
}

template <class V>
SPRAT_HD SPRAT_INLINE V flush_denormal(V x) {
  return flush_below(FormatOf<V>::kMinNormal, x);
}

SPRAT_HD SPRAT_INLINE bool flushes(int64_t step) { return step % 16 == 0; }

// The smallest g for which rate * g is normal, for rates from 2^-26 = 1.5e-8 on.
template <class T>
constexpr T kSmallestLinear = Format<T>::kMinNormal* T(0x1p26);

// The smallest g for which gain * g^2 is normal: 3.4e-18 for Adam in float32. A little more than the root, so that
// rounding to T cannot go below it. Without a gain there is no square to think of.
template <class T>
SPRAT_HD SPRAT_INLINE T smallest_square(double gain) {
  if (gain <= 0) return kSmallestLinear<T>;
  return T(sqrt(static_cast<double>(Format<T>::kMinNormal) / gain) * (1 + 0x1p-20));
}

SPRAT_ISA_END
