// Rows of real numbers to uint8 codes for integer products: with one scale and zero point, or those of each row's
// range.
#pragma once

#include "formulas/quantize/choose_qparams.h"
#include "formulas/quantize/value_range.h"
#include "kernels/linear_int8.h"
#include "kernels/quantize_codes.h"
#include "simd/transpose.h"

SPRAT_ISA_BEGIN

using QuantizeRows = Quantize<UInt8, float>;

SPRAT_INLINE QuantizeRows quantizer() {
  return {nullptr, nullptr, Vec<float>(UInt8::kMin), Vec<float>(UInt8::kMax), {UInt8::kMin, UInt8::kMax}, false};
}

// A row that ends within a group is stored as a whole group all the same: the next row overwrites what is too much.
SPRAT_INLINE void quantize_row(const QuantizeRows& body, const OfChannel<Vec<float>>& numbers, const float* x,
                               int64_t k, uint8_t* q) {
  int64_t i = 0;
  for (; i + kGroup <= k; i += kGroup) {
    UInt8::store_group(q + i, body.codes_of<true>(numbers, 0, x + i, kGroup).at, body.limits);
  }
  if (i < k) UInt8::store_group(q + i, body.codes_of<false>(numbers, 0, x + i, k - i).at, body.limits);
}

// Four rows of which each fits a register, or as many as there are; row r is element r of what `at` knows.
template <class At>
SPRAT_INLINE void quantize_short_rows(const QuantizeRows& body, const At& at, int64_t row, int64_t rows, const float* x,
                                      int64_t k, uint8_t* q) {
  constexpr int64_t kCount = QuantizeRows::kCount;
  const auto codes = body.codes_of(at, row, 1, [&](int64_t r) SPRAT_INLINE_LAMBDA {
    return Reals<float>::load<false>(x + (r < rows ? r * k : 0), r < rows ? k : 0);
  });
  const auto packed = UInt8::pack_group(codes.at, body.limits);
  uint8_t bytes[4 * kCount];
  __builtin_memcpy(bytes, &packed, sizeof bytes);
  SPRAT_UNROLL(4)
  for (int r = 0; r < 4; ++r) {
    if (r < rows) __builtin_memcpy(q + r * int8_row_stride(k), bytes + r * kCount, kCount);
  }
}

void quantize_static(const float* x, int64_t rows, int64_t k, float scale, int32_t zero_point, uint8_t* q) {
  const OfChannel<Vec<float>> numbers{Vec<float>(scale), Vec<float>(zero_point)};
  const QuantizeRows body = quantizer();
  const int64_t stride = int8_row_stride(k);
  if (k == stride) return quantize_row(body, numbers, x, rows * k, q);  // no gaps: one long row
  if (k <= QuantizeRows::kCount) {
    for (int64_t row = 0; row < rows; row += 4) {
      quantize_short_rows(body, numbers, row, rows - row, x + row * k, k, q + row * stride);
    }
    return;
  }
  for (int64_t row = 0; row < rows; ++row) quantize_row(body, numbers, x + row * k, k, q + row * stride);
}

// Smallest and largest finite number, or 0, which lies in every range that codes are chosen for.
template <class V>
struct RangeWithZero {
  V low = V(0), high = V(0);

  SPRAT_INLINE void add(V x) {
    x = select(abs(x) <= V(kLargest<float>), x, V(0));
    low = min(x, low);
    high = max(x, high);
  }
};

// Lanes that are yet to be joined.
SPRAT_INLINE RangeWithZero<Vec<float>> range_of_row(const float* x, int64_t k) {
  using V = Vec<float>;
  constexpr int64_t kLanesOfRow = kLanes<V>, kChains = 4;  // a minimum waits for the last
  RangeWithZero<V> range;
  int64_t i = 0;
  if (k >= kChains * kLanesOfRow) {
    RangeWithZero<V> chains[kChains];
    for (; i + kChains * kLanesOfRow <= k; i += kChains * kLanesOfRow) {
      SPRAT_UNROLL(4)
      for (int64_t c = 0; c < kChains; ++c) chains[c].add(V::load(x + i + c * kLanesOfRow));
    }
    range.low = min(min(chains[0].low, chains[1].low), min(chains[2].low, chains[3].low));
    range.high = max(max(chains[0].high, chains[1].high), max(chains[2].high, chains[3].high));
  }
  for (; i < k; i += kLanesOfRow) range.add(V::load_partial(x + i, k - i));
  return range;
}

// The smallest lane of numbers.
SPRAT_INLINE float least_lane(Vec<float> v) {
  typedef float Four __attribute__((vector_size(16)));
  Four parts[kLanes<Vec<float>> / 4];
  __builtin_memcpy(parts, &v.r, sizeof parts);
  Four least = parts[0];
  for (int i = 1; i < kLanes<Vec<float>> / 4; ++i) least = parts[i] < least ? parts[i] : least;
  return min(min(least[0], least[1]), min(least[2], least[3]));
}

// What rows are quantized with, a row in each lane.
struct RowNumbers {
  static constexpr int64_t kRows = kLanes<Vec<float>>;
  alignas(64) float scales[kRows], zero_points[kRows], low[kRows], high[kRows], offset[kRows];

  SPRAT_INLINE void choose(Vec<float> least, Vec<float> largest) {
    const auto chosen = AffineQParams<Vec<float>>::of(least, largest, UInt8::kMin, UInt8::kMax);
    const auto bracket = Bracket<Vec<float>>::of(chosen.scale, chosen.zero_point);
    chosen.scale.store(scales);
    chosen.zero_point.store(zero_points);
    bracket.low.store(low);
    bracket.high.store(high);
    bracket.offset.store(offset);
  }
  SPRAT_INLINE Vec<float> scale(int64_t row) const { return Vec<float>(scales[row]); }
  SPRAT_INLINE Vec<float> zero_point(int64_t row) const { return Vec<float>(zero_points[row]); }
  SPRAT_INLINE Bracket<Vec<float>> bracket(int64_t row) const {
    return {Vec<float>(low[row]), Vec<float>(high[row]), Vec<float>(offset[row])};
  }
};

// Lane i: all lanes of registers[i], joined. As in a transpose (simd/transpose.h) halves are interleaved, but each time
// the two that come of it become one.
template <int kCount, class V, class Join>
SPRAT_INLINE V join_lanes(V (&registers)[kCount], const Join& join) {
  if constexpr (kCount == 1) {
    return registers[0];
  } else {
    constexpr std::make_integer_sequence<int, kLanes<V>> lanes;
    V joined[kCount / 2];
    SPRAT_UNROLL(8)
    for (int i = 0; i < kCount / 2; ++i) {
      const auto a = registers[i].r, b = registers[i + kCount / 2].r;
      joined[i] = join(V(native::interleave<0>(a, b, lanes)), V(native::interleave<1>(a, b, lanes)));
    }
    return join_lanes(joined, join);
  }
}

// As many rows as a register has lanes, or fewer: their ranges are turned around, and all scales computed at once.
SPRAT_INLINE void choose_rows(const float* x, int64_t rows, int64_t k, RowNumbers& numbers) {
  using V = Vec<float>;
  constexpr int kRows = static_cast<int>(RowNumbers::kRows);
  alignas(64) float lows[kRows][kRows], highs[kRows][kRows];
  for (int64_t row = 0; row < kRows; ++row) {
    const bool is_short = k <= kRows;
    RangeWithZero<V> range;
    if (row < rows) {
      if (is_short) {
        range.add(V::load_partial(x + row * k, k));
      } else {
        range = range_of_row(x + row * k, k);
      }
    }
    range.low.store(lows[row]);
    range.high.store(highs[row]);
  }
  V low[kRows], high[kRows];
  SPRAT_UNROLL(16)
  for (int row = 0; row < kRows; ++row) {
    low[row] = V::load(lows[row]);
    high[row] = V::load(highs[row]);
  }
  numbers.choose(join_lanes(low, [](V a, V b) SPRAT_INLINE_LAMBDA { return min(a, b); }),
                 join_lanes(high, [](V a, V b) SPRAT_INLINE_LAMBDA { return max(a, b); }));
}

// Fewer rows than this choose one by one.
constexpr int64_t kManyRows = RowNumbers::kRows / 2;

void quantize_dynamic(const float* x, int64_t rows, int64_t k, uint8_t* q, float* scales, int32_t* zero_points) {
  const QuantizeRows body = quantizer();
  const int64_t stride = int8_row_stride(k);
  if (rows < kManyRows) {
    for (int64_t row = 0; row < rows; ++row) {
      const RangeWithZero<Vec<float>> range = range_of_row(x + row * k, k);
      const auto chosen =
          choose_qparams(least_lane(range.low), -least_lane(-range.high), UInt8::kMin, UInt8::kMax, false);
      const OfChannel<Vec<float>> numbers{Vec<float>(chosen.scale), Vec<float>(chosen.zero_point)};
      quantize_row(body, numbers, x + row * k, k, q + row * stride);
      scales[row] = chosen.scale;
      zero_points[row] = chosen.zero_point;
    }
    return;
  }
  for (int64_t done = 0; done < rows; done += RowNumbers::kRows) {
    const int64_t left = rows - done, count = left < RowNumbers::kRows ? left : RowNumbers::kRows;
    RowNumbers numbers;
    choose_rows(x, count, k, numbers);
    for (int64_t row = 0; row < count; ++row) {
      scales[done + row] = numbers.scales[row];
      zero_points[done + row] = static_cast<int32_t>(numbers.zero_points[row]);
    }
    if (k <= QuantizeRows::kCount) {
      for (int64_t row = 0; row < count; row += 4) {
        quantize_short_rows(body, numbers, row, count - row, x + row * k, k, q + row * stride);
      }
    } else {
      for (int64_t row = 0; row < count; ++row) {
        const OfChannel<Vec<float>> of_row{numbers.scale(row), numbers.zero_point(row), numbers.bracket(row)};
        quantize_row(body, of_row, x + row * k, k, q + row * stride);
      }
    }
    x += count * k;
    q += count * stride;
  }
}

SPRAT_ISA_END
