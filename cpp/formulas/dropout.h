// Inverted dropout (Srivastava et al. 2014): an element stays, times 1 / (1 - probability), or becomes 0. It stays if
// the uniform number of its random word is not below the probability.
#pragma once

#include <cstdint>

#include "core/macros.h"

SPRAT_ISA_BEGIN

template <class T>
struct InvertedDropout {
  uint32_t threshold;
  T scale;

  SPRAT_HD explicit InvertedDropout(double probability) : scale(T(1 / (1 - probability))) {
    const double scaled = probability * 0x1p24;  // uniform < probability as a comparison of integers: both times 2^24
    threshold = static_cast<uint32_t>(scaled);
    if (threshold < scaled) ++threshold;
  }

  SPRAT_HD SPRAT_INLINE T operator()(T x, uint32_t word) const {
    const T kept = x * scale;
    return (word >> 8) >= threshold ? kept : T(0);
  }
};

SPRAT_ISA_END
