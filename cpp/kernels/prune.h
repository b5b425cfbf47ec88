// Pruning by magnitude: by a bound with mask and count, and what finds a rank without sorting.
#pragma once

#include <cstdint>

namespace sprat {

// A digit of the bits of |x|. For numbers that are not NaN, the order of these bits is the order of magnitudes.
inline constexpr int kMagnitudeDigitBits = 11;
inline constexpr int kMagnitudeBins = 1 << kMagnitudeDigitBits;
// What magnitudes_between may write beyond the magnitudes that it finds.
inline constexpr int64_t kMagnitudeSlack = 16;

struct PruneKernels {
  // Sets x[begin, end) to +0 where |x| <= bound; mask (nullable) gets 1 where x stays, 0 elsewhere. Returns how many
  // went. A NaN stays; a negative bound lets all stay.
  int64_t (*prune_up_to[2])(void* x, double bound, uint8_t* mask, int64_t begin, int64_t end);

  // Of x[begin, end), writes the magnitudes whose bits are above low and below high to `inside` (nullable) and returns
  // how many there are; *below: how many are not above low. -1 <= low < high, high within a signed integer as wide as
  // x.
  int64_t (*magnitudes_between[2])(const void* x, int64_t begin, int64_t end, int64_t low, int64_t high, void* inside,
                                   int64_t* below);

  // Over x[begin, end), counts the elements whose bits of |x|, shifted right by shift + kMagnitudeDigitBits, equal
  // prefix, by their digit at shift.
  void (*magnitude_histogram[2])(const void* x, int64_t begin, int64_t end, uint64_t prefix, int shift, int64_t* bins);
};

}  // namespace sprat
