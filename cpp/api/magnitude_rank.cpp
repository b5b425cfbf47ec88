#include "api/magnitude_rank.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <mutex>
#include <optional>

#include "api/checks.h"
#include "api/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"

namespace sprat {
namespace {

constexpr int64_t kGrain = 65536;
constexpr int64_t kBlock = 4096;  // elements whose candidates are collected before they are handed over
constexpr int64_t kSmall = 256;   // from here down elements are partitioned
constexpr int64_t kMostSample = 8192;

class Elements {
 public:
  Elements(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays)
      : dtype_(dtype), arrays_(arrays), num_arrays_(num_arrays) {
    for (int64_t a = 0; a < num_arrays; ++a) length_ += arrays[a].length;
  }

  int64_t length() const { return length_; }
  sprat_dtype dtype() const { return dtype_; }
  const sprat_prune_array* begin() const { return arrays_; }
  const sprat_prune_array* end() const { return arrays_ + num_arrays_; }

  int64_t bits(const sprat_prune_array& array, int64_t i) const {
    if (dtype_ == SPRAT_FLOAT32) {
      return std::bit_cast<int32_t>(static_cast<const float*>(array.x)[i]) & INT32_MAX;
    }
    return std::bit_cast<int64_t>(static_cast<const double*>(array.x)[i]) & INT64_MAX;
  }
  int64_t most_bits() const { return dtype_ == SPRAT_FLOAT32 ? INT32_MAX : INT64_MAX; }

 private:
  sprat_dtype dtype_;
  const sprat_prune_array* arrays_;
  int64_t num_arrays_, length_ = 0;
};

// A radix selection, one digit a pass from the top. Takes no memory, and the same time for all numbers.
RankedMagnitude select_by_digits(const Elements& elements, int64_t rank) {
  const auto histogram = kernels().prune->magnitude_histogram[elements.dtype()];
  const int bits = elements.dtype() == SPRAT_FLOAT32 ? 32 : 64;
  uint64_t prefix = 0;
  for (int top = bits;; top -= kMagnitudeDigitBits) {
    const int shift = std::max(top - kMagnitudeDigitBits, 0);
    // The last digit overlaps the one before: its upper bits are known, so counting starts at their first bin.
    const int known_bits = shift + kMagnitudeDigitBits - top;
    const uint64_t above = prefix >> known_bits;
    const uint64_t known = prefix & ((uint64_t{1} << known_bits) - 1);
    int64_t bins[kMagnitudeBins] = {};
    std::mutex mutex;
    for (const sprat_prune_array& array : elements) {
      parallel_for(array.length, kGrain, [&](int64_t begin, int64_t end) {
        int64_t mine[kMagnitudeBins] = {};
        histogram(array.x, begin, end, above, shift, mine);
        const std::lock_guard lock(mutex);  // taken once a range; sums of counts do not depend on the order
        for (int b = 0; b < kMagnitudeBins; ++b) bins[b] += mine[b];
      });
    }
    auto digit = static_cast<int>(known << (kMagnitudeDigitBits - known_bits));
    while (rank >= bins[digit]) rank -= bins[digit++];
    prefix = above << kMagnitudeDigitBits | static_cast<uint64_t>(digit);
    if (shift == 0) return {prefix, rank, bins[digit]};
  }
}

RankedMagnitude select_by_partition(const Elements& elements, int64_t rank) {
  int64_t bits[kSmall] = {}, n = 0;
  for (const sprat_prune_array& array : elements) {
    for (int64_t i = 0; i < array.length; ++i) bits[n++] = elements.bits(array, i);
  }
  std::nth_element(bits, bits + rank, bits + n);
  const int64_t found = bits[rank];
  const auto before = std::count(bits, bits + rank, found);  // what lies before is not above
  return {static_cast<uint64_t>(found), before, before + std::count(bits + rank, bits + n, found)};
}

// How many magnitudes are not above low, how many lie between low and high, and the first `room` of these in `inside`.
struct Between {
  int64_t below, inside;
};
Between count_between(const Elements& elements, int64_t low, int64_t high, void* inside, int64_t room) {
  const auto kernel = kernels().prune->magnitudes_between[elements.dtype()];
  const int64_t size = item_size(elements.dtype());
  std::atomic<int64_t> all_below{0}, all_inside{0};
  for (const sprat_prune_array& array : elements) {
    parallel_for(array.length, kGrain, [&](int64_t begin, int64_t end) {
      alignas(64) double found[kBlock + kMagnitudeSlack];
      int64_t below = 0;
      for (int64_t i = begin; i < end; i += kBlock) {
        int64_t here;
        const int64_t n = kernel(array.x, i, std::min(end, i + kBlock), low, high, room > 0 ? found : nullptr, &here);
        below += here;
        if (n == 0) continue;
        const int64_t at = all_inside.fetch_add(n, std::memory_order_relaxed);
        if (at + n <= room) std::memcpy(advance(inside, at, size), found, static_cast<size_t>(n * size));
      }
      all_below.fetch_add(below, std::memory_order_relaxed);
    });
  }
  return {all_below, all_inside};
}

// Magnitudes at about even distances over all elements. The jitter keeps them from always meeting the same column.
int64_t take_sample(const Elements& elements, int64_t size, int64_t* sample) {
  const double distance = static_cast<double>(elements.length()) / static_cast<double>(size);
  const sprat_prune_array* array = elements.begin();
  int64_t start = 0;
  for (int64_t k = 0; k < size; ++k) {
    const double jitter = static_cast<double>(static_cast<uint32_t>(k) * uint32_t{2654435769u}) / 4294967296.0;
    const auto i = static_cast<int64_t>((static_cast<double>(k) + jitter) * distance);
    while (i - start >= array->length && array + 1 != elements.end()) start += (array++)->length;
    sample[k] = elements.bits(*array, std::min(i - start, array->length - 1));
  }
  return size;
}

std::optional<RankedMagnitude> select_by_sample(const Elements& elements, int64_t rank);

RankedMagnitude select(const Elements& elements, int64_t rank) {
  if (elements.length() <= kSmall) return select_by_partition(elements, rank);
  const auto found = select_by_sample(elements, rank);
  return found ? *found : select_by_digits(elements, rank);
}

// SELECT of Floyd and Rivest (1975): a sample tells two magnitudes that enclose the wanted one almost surely. One pass
// counts what is not above the lower one and keeps what lies between; among these few the search goes on. Nothing when
// the sample has misled, or there is no memory.
std::optional<RankedMagnitude> select_by_sample(const Elements& elements, int64_t rank) {
  const auto n = static_cast<double>(elements.length());
  const double root = std::cbrt(n), share = static_cast<double>(rank) / n;
  const int64_t size = std::min(kMostSample, static_cast<int64_t>(root * root));
  const double middle = share * static_cast<double>(size);
  const double apart = 4 * std::sqrt(middle * (1 - share)) + 2;  // four standard deviations of a rank in the sample

  Scratch scratch;
  auto* const sample = scratch.array<int64_t>(size);
  if (!sample) return std::nullopt;
  take_sample(elements, size, sample);
  const auto first = static_cast<int64_t>(std::floor(middle - apart));
  const auto last = static_cast<int64_t>(std::ceil(middle + apart));
  int64_t low = -1, high = elements.most_bits();
  if (first > 0) {
    std::nth_element(sample, sample + first, sample + size);
    low = sample[first];
  }
  if (last < size) {
    std::nth_element(sample + std::max(first, int64_t{0}), sample + last, sample + size);
    high = sample[last];
  }

  int64_t tie = low;
  if (low < high) {
    const double density = n / static_cast<double>(size);
    const auto room = static_cast<int64_t>(density * (2 * apart + 8 * std::sqrt(2 * apart))) + kSmall;
    void* const inside = scratch.bytes(room * item_size(elements.dtype()));
    if (!inside) return std::nullopt;
    const Between found = count_between(elements, low, high, inside, room);
    const int64_t rank_inside = rank - found.below;
    if (0 <= rank_inside && rank_inside < found.inside) {
      if (found.inside > room) return std::nullopt;
      const sprat_prune_array candidates{sizeof candidates, found.inside, inside, nullptr};
      return select({elements.dtype(), &candidates, 1}, rank_inside);
    }
    tie = rank_inside < 0 ? low : high;
  }
  // Many elements of one magnitude: zeros of an earlier pruning, say.
  if (tie < 0 || tie == elements.most_bits()) return std::nullopt;
  const Between found = count_between(elements, tie - 1, tie + 1, nullptr, 0);
  if (rank < found.below || rank >= found.below + found.inside) return std::nullopt;
  return RankedMagnitude{static_cast<uint64_t>(tie), rank - found.below, found.inside};
}

}  // namespace

RankedMagnitude magnitude_of_rank(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                                  int64_t rank) {
  return select({dtype, arrays, num_arrays}, rank);
}

int64_t count_magnitude(sprat_dtype dtype, const void* x, int64_t begin, int64_t end, uint64_t bits) {
  const auto value = static_cast<int64_t>(bits);
  int64_t below;
  return kernels().prune->magnitudes_between[dtype](x, begin, end, value - 1, value + 1, nullptr, &below);
}

}  // namespace sprat
