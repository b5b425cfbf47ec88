// Pruning by magnitude: threshold with mask and count, and the histogram that finds a rank without sorting.
#pragma once

#include <cstdint>

namespace sprat {

// A digit of the bits of |x|. For numbers that are not NaN, the order of these bits is the order of magnitudes.
inline constexpr int kMagnitudeDigitBits = 11;
inline constexpr int kMagnitudeBins = 1 << kMagnitudeDigitBits;

struct PruneKernels {
  // Sets x[begin, end) to +0 where |x| < threshold; mask (nullable) gets 1 where x stays, 0 elsewhere. Returns how many
  // elements became (or were, below the threshold) zero.
  int64_t (*threshold[2])(void* x, double threshold, uint8_t* mask, int64_t begin, int64_t end);

  // Over x[begin, end), counts the elements whose bits of |x|, shifted right by shift + kMagnitudeDigitBits, equal
  // prefix, by their digit at shift.
  void (*magnitude_histogram[2])(const void* x, int64_t begin, int64_t end, uint64_t prefix, int shift, int64_t* bins);
};

}  // namespace sprat
