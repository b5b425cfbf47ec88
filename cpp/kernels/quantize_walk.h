// How the loops of quantize.cpp walk an array seen as (outer, channels, inner): in stretches whose scales are known.
#pragma once

#include "formulas/quantize/bracket.h"
#include "kernels/quantize.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// Elements are taken in groups of four registers of int32: as many codes as fill one register of bytes.
constexpr int64_t kGroup = 4 * kLanes<Vec<float>>;

// Scale and zero point of a stretch within one channel; i counts its elements.
template <class V>
class OfChannel {
 public:
  static constexpr bool kIsSame = true;
  SPRAT_INLINE OfChannel(V scale, V zero_point) : OfChannel(scale, zero_point, Bracket<V>::of(scale, zero_point)) {}
  SPRAT_INLINE OfChannel(V scale, V zero_point, const Bracket<V>& bracket)
      : scale_(scale), zero_point_(zero_point), bracket_(bracket) {}
  SPRAT_INLINE V scale(int64_t) const { return scale_; }
  SPRAT_INLINE V zero_point(int64_t) const { return zero_point_; }
  SPRAT_INLINE Bracket<V> bracket(int64_t) const { return bracket_; }

 private:
  V scale_, zero_point_;
  Bracket<V> bracket_;
};

// From this many elements on a stretch of its own is faster than a table.
constexpr int64_t kLongStretch = 48;

// One of each for every element, where channels change quickly. Large enough that columns of an array are read in long
// pieces; short rows are repeated only as far as the first-level cache holds the three of these arrays that are in use.
// The loops may load a group beyond the last element, and filling write a stretch beyond it.
template <class T>
struct alignas(64) QParamsTable {
  static constexpr int64_t kSize = 16384 / sizeof(T), kRepeated = kSize / 2;
  static constexpr int64_t kRoom = kSize + (kGroup > 64 ? kGroup : 64);
  T scale[kRoom], zero_point[kRoom], low[kRoom], high[kRoom], offset[kRoom];
};

template <class V>
class OfElement {
 public:
  static constexpr bool kIsSame = false;
  SPRAT_INLINE OfElement(const QParamsTable<Scalar<V>>& table, int64_t first) : table_(table), first_(first) {}
  SPRAT_INLINE V scale(int64_t i) const { return V::load(table_.scale + first_ + i); }
  SPRAT_INLINE V zero_point(int64_t i) const { return V::load(table_.zero_point + first_ + i); }
  SPRAT_INLINE Bracket<V> bracket(int64_t i) const {
    const int64_t at = first_ + i;
    return {V::load(table_.low + at), V::load(table_.high + at), V::load(table_.offset + at)};
  }

 private:
  const QParamsTable<Scalar<V>>& table_;
  int64_t first_;
};

// The qparams of channels as the view holds them.
template <class Format, class T>
class Channels {
  using V = Vec<T>;
  using Code = typename Format::Element;

 public:
  SPRAT_INLINE explicit Channels(const QuantizeView& view)
      : view_(view),
        scales_(static_cast<const T*>(view.scales)),
        zero_points_(static_cast<const Code*>(view.zero_points)) {}

  SPRAT_INLINE OfChannel<V> of(int64_t channel) const {
    return {V(scales_[channel]), V(zero_points_ ? T(zero_points_[channel]) : T(0))};
  }

  // Elements [first, first + count) of (channels, inner), which repeats.
  template <bool kBracket>
  void tabulate(int64_t first, int64_t count, QParamsTable<T>& table) const {
    if (view_.inner == 1) {
      copy_channels(first % view_.channels, count, table);
    } else {
      repeat_channels(first, count, table);
    }
    for (int64_t i = count; i < count + kGroup; i += kLanes<V>) {
      V(T(1)).store(table.scale + i);
      V(T(0)).store(table.zero_point + i);
    }
    if constexpr (!kBracket) return;
    for (int64_t i = 0; i < count + kGroup; i += kLanes<V>) {
      const auto bracket = Bracket<V>::of(V::load(table.scale + i), V::load(table.zero_point + i));
      bracket.low.store(table.low + i);
      bracket.high.store(table.high + i);
      bracket.offset.store(table.offset + i);
    }
  }

 private:
  void copy_channels(int64_t channel, int64_t count, QParamsTable<T>& table) const {
    for (int64_t i = 0; i < count; channel = 0) {
      const int64_t run = count - i < view_.channels - channel ? count - i : view_.channels - channel;
      for (int64_t j = 0; j < run; j += kLanes<V>) {  // what it writes beyond the run is overwritten
        V::load_partial(scales_ + channel + j, run - j).store(table.scale + i + j);
        const V zero_point =
            zero_points_ ? Format::template load_partial<V>(zero_points_ + channel + j, run - j) : V(T(0));
        zero_point.store(table.zero_point + i + j);
      }
      i += run;
    }
  }
  void repeat_channels(int64_t first, int64_t count, QParamsTable<T>& table) const {
    const int64_t inner = view_.inner, channels = view_.channels;
    int64_t channel = first / inner % channels;
    for (int64_t i = -(first % inner); i < count; i += inner) {
      const T scale = scales_[channel], zero_point = zero_points_ ? T(zero_points_[channel]) : T(0);
      const Four scales = scale - Four{}, zero_points = zero_point - Four{};
      for (int64_t j = i < 0 ? 0 : i; j < i + inner; j += 4) {  // what it writes beyond the run is overwritten
        __builtin_memcpy(table.scale + j, &scales, sizeof scales);
        __builtin_memcpy(table.zero_point + j, &zero_points, sizeof zero_points);
      }
      channel = channel + 1 == channels ? 0 : channel + 1;
    }
  }

  // Narrow, as runs are short, and a store that crosses a cache line takes twice as long.
  typedef T Four __attribute__((vector_size(4 * sizeof(T))));
  const QuantizeView& view_;
  const T* scales_;
  const Code* zero_points_;
};

// Where channels change quickly: stretches along tables of qparams.
template <class Format, class T, bool kBracket, class Body>
SPRAT_NOINLINE void for_each_short_stretch(const QuantizeView& view, int64_t begin, int64_t end, const Body& body) {
  using V = Vec<T>;
  constexpr int64_t kSize = QParamsTable<T>::kSize;
  const Channels<Format, T> channels(view);
  QParamsTable<T> table;
  const int64_t period = view.channels * view.inner;
  if (period <= kSize) {  // a table of some periods serves the whole array
    const int64_t start = begin - begin % period;
    const int64_t wanted = (end - start + period - 1) / period, fit = QParamsTable<T>::kRepeated / period;
    const int64_t width = (wanted < fit ? wanted : fit > 0 ? fit : 1) * period;
    channels.template tabulate<kBracket>(0, width, table);
    for (int64_t i = begin, first = begin - start; i < end; first = 0) {
      const int64_t n = end - i < width - first ? end - i : width - first;
      body(OfElement<V>(table, first), i, n);
      i += n;
    }
    return;
  }
  for (int64_t first = 0; first < period; first += kSize) {  // a table for the same columns of all rows
    const int64_t width = period - first < kSize ? period - first : kSize;
    bool is_filled = false;
    for (int64_t row = begin / period * period; row < end; row += period) {
      const int64_t start = row + first, stop = start + width;
      const int64_t i = start < begin ? begin : start, n = (stop < end ? stop : end) - i;
      if (n <= 0) continue;
      if (!is_filled) channels.template tabulate<kBracket>(first, width, table);
      is_filled = true;
      body(OfElement<V>(table, i - start), i, n);
    }
  }
}

// Calls body(qparams, i, n) for stretches of elements [i, i + n) that cover [begin, end), in any order.
template <class Format, class T, bool kBracket, class Body>
SPRAT_INLINE void for_each_stretch(const QuantizeView& view, int64_t begin, int64_t end, const Body& body) {
  const Channels<Format, T> channels(view);
  if (view.channels == 1) {
    body(channels.of(0), begin, end - begin);
  } else if (view.inner < kLongStretch) {
    for_each_short_stretch<Format, T, kBracket>(view, begin, end, body);
  } else {
    int64_t channel = begin / view.inner % view.channels, stop = (begin / view.inner + 1) * view.inner;
    for (int64_t i = begin; i < end; i = stop, stop += view.inner) {
      body(channels.of(channel), i, (stop < end ? stop : end) - i);
      channel = channel + 1 == view.channels ? 0 : channel + 1;
    }
  }
}

SPRAT_ISA_END
