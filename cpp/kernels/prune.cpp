#include "kernels/prune.h"

#include "formulas/prune/threshold.h"
#include "simd/pack.h"

SPRAT_ISA_BEGIN

template <class T>
int64_t prune_up_to(void* data, double limit, uint8_t* mask, int64_t begin, int64_t end) {
  using V = Vec<T>;
  constexpr int64_t kGroup = 4 * kLanes<V>;
  T* x = static_cast<T*>(data);
  const V bound(static_cast<T>(limit));
  int64_t kept = 0, i = begin;
  for (; i + kGroup <= end; i += kGroup) {
    Mask<V> keep[4];
    for (int k = 0; k < 4; ++k) {
      const V value = V::load(x + i + k * kLanes<V>);
      keep[k] = keep_magnitude(value, bound);
      select(keep[k], value, V(T(0))).store(x + i + k * kLanes<V>);
      kept += count(keep[k]);
    }
    if (mask) store_masks_u8(mask + i, keep);
  }
  for (; i < end; ++i) {
    const bool keep = keep_magnitude(x[i], static_cast<T>(limit));
    if (!keep) x[i] = T(0);
    if (mask) mask[i] = keep;
    kept += keep;
  }
  return end - begin - kept;
}

template <class T>
int64_t magnitudes_between(const void* data, int64_t begin, int64_t end, int64_t low, int64_t high, void* inside,
                           int64_t* below) {
  using V = Vec<T>;
  using I = Int<V>;
  static_assert(kLanes<V> <= kMagnitudeSlack);
  const T* x = static_cast<const T*>(data);
  T* out = static_cast<T*>(inside);
  const auto least = static_cast<IntOf<T>>(low), most = static_cast<IntOf<T>>(high);
  int64_t found = 0, above = 0, i = begin;
  for (; i + kLanes<V> <= end; i += kLanes<V>) {
    const V magnitude = abs(V::load(x + i));
    const auto is_above = to_bits(magnitude) > I(least), is_inside = is_above && to_bits(magnitude) < I(most);
    if (out) compress_store(out + found, is_inside, magnitude);
    found += count(is_inside);
    above += count(is_above);
  }
  for (; i < end; ++i) {
    const T magnitude = abs(x[i]);
    const bool is_above = to_bits(magnitude) > least, is_inside = is_above && to_bits(magnitude) < most;
    if (out && is_inside) out[found] = magnitude;
    found += is_inside;
    above += is_above;
  }
  *below = end - begin - above;
  return found;
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
    {prune_up_to<float>, prune_up_to<double>},
    {magnitudes_between<float>, magnitudes_between<double>},
    {magnitude_histogram<float>, magnitude_histogram<double>},
};
}  // namespace sprat::SPRAT_ISA
