#include "kernels/prune.h"

#include "formulas/prune/threshold.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
int64_t threshold(void* data, double bound, uint8_t* mask, int64_t begin, int64_t end) {
  using V = Vec<T>;
  T* x = static_cast<T*>(data);
  const V t(static_cast<T>(bound));
  int64_t kept = 0, i = begin;
  for (; i + kLanes<V> <= end; i += kLanes<V>) {
    const V value = V::load(x + i);
    const auto keep = keep_magnitude(value, t);
    select(keep, value, V(T(0))).store(x + i);
    if (mask) store_mask_u8(mask + i, keep);
    kept += count(keep);
  }
  for (; i < end; ++i) {
    const bool keep = keep_magnitude(x[i], static_cast<T>(bound));
    if (!keep) x[i] = T(0);
    if (mask) mask[i] = keep;
    kept += keep;
  }
  return end - begin - kept;
}

template <class T>
void magnitude_histogram(const void* data, int64_t begin, int64_t end, uint64_t prefix, int shift, int64_t* bins) {
  using Bits = std::make_unsigned_t<Int<T>>;
  const T* x = static_cast<const T*>(data);
  constexpr int kBits = 8 * sizeof(T);
  const int above = shift + kMagnitudeDigitBits;
  // Neighbouring weights often share a bin: two histograms in turn, so that one increment need not wait for the last.
  int32_t odd_and_even[2][kMagnitudeBins] = {};
  constexpr int64_t kBlock = int64_t{1} << 30;  // the int32 counts cannot overflow
  for (int64_t first = begin; first < end; first += kBlock) {
    const int64_t last = end - first < kBlock ? end : first + kBlock;
    for (int64_t i = first; i < last; ++i) {
      const Bits magnitude = static_cast<Bits>(to_bits(abs(x[i])));
      if (above < kBits && (magnitude >> above) != prefix) continue;
      ++odd_and_even[i & 1][(magnitude >> shift) & (kMagnitudeBins - 1)];
    }
    for (int b = 0; b < kMagnitudeBins; ++b) {
      bins[b] += int64_t{odd_and_even[0][b]} + odd_and_even[1][b];
      odd_and_even[0][b] = odd_and_even[1][b] = 0;
    }
  }
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const PruneKernels prune_kernels;
const PruneKernels prune_kernels = {
    {threshold<float>, threshold<double>},
    {magnitude_histogram<float>, magnitude_histogram<double>},
};
}  // namespace sprat::SPRAT_ISA
