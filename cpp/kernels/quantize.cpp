#include "kernels/quantize.h"

#include "formulas/quantize/affine.h"
#include "formulas/quantize/choose_qparams.h"
#include "formulas/quantize/value_range.h"
#include "storage/list.h"

SPRAT_ISA_BEGIN

// The formula for kLanes elements from one place on: one scale for all of them, or one for each.
template <class Format, class V>
class QParamsAt {
  using T = Scalar<V>;
  using Code = typename Format::Element;

 public:
  SPRAT_INLINE QParamsAt(const QuantizeView& view)
      : scales_(static_cast<const T*>(view.scales)),
        zero_points_(static_cast<const Code*>(view.zero_points)),
        affine_{V(T(1)), V(T(0)), V(T(view.quant_min)), V(T(view.quant_max))} {}

  SPRAT_INLINE Affine<V> same(int64_t channel) const {
    Affine<V> at = affine_;
    at.scale = V(scales_[channel]);
    if (zero_points_) at.zero_point = V(T(zero_points_[channel]));
    return at;
  }
  // Lanes beyond n have scale 0: what they compute is not stored.
  template <bool kWhole>
  SPRAT_INLINE Affine<V> each(int64_t channel, int64_t n) const {
    Affine<V> at = affine_;
    at.scale = kWhole ? V::load(scales_ + channel) : V::load_partial(scales_ + channel, n);
    if (zero_points_) {
      const Code* from = zero_points_ + channel;
      at.zero_point = kWhole ? Format::template load<V>(from) : Format::template load_partial<V>(from, n);
    }
    return at;
  }

 private:
  const T* scales_;
  const Code* zero_points_;
  Affine<V> affine_;
};

template <bool kWhole>
struct Whole {
  static constexpr bool value = kWhole;
};

// Calls body(affine, i, n, Whole) for elements [begin, end): n = kLanes, or fewer at the end of a stretch.
template <class Format, class V, class Body>
SPRAT_INLINE void for_each_vector(const QuantizeView& view, int64_t begin, int64_t end, const Body& body) {
  constexpr int64_t kStep = kLanes<V>;
  const QParamsAt<Format, V> qparams(view);
  if (view.inner == 1 && view.channels > 1) {  // the channel changes from element to element
    for (int64_t i = begin; i < end;) {
      const int64_t channel = i % view.channels;
      const int64_t stop = end - i < view.channels - channel ? end : i + view.channels - channel;
      const int64_t first = i - channel;
      for (; i + kStep <= stop; i += kStep) {
        body(qparams.template each<true>(i - first, kStep), i, kStep, Whole<true>{});
      }
      if (i < stop) body(qparams.template each<false>(i - first, stop - i), i, stop - i, Whole<false>{});
      i = stop;
    }
    return;
  }
  for (int64_t i = begin; i < end;) {
    const int64_t run = i / view.inner;
    const int64_t stop = view.channels == 1 || end < (run + 1) * view.inner ? end : (run + 1) * view.inner;
    const Affine<V> affine = qparams.same(view.channels == 1 ? 0 : run % view.channels);
    for (; i + kStep <= stop; i += kStep) body(affine, i, kStep, Whole<true>{});
    if (i < stop) body(affine, i, stop - i, Whole<false>{});
    i = stop;
  }
}

template <class Format>
int32_t code_at(const void* q, int64_t i) {
  return static_cast<const typename Format::Element*>(q)[i];
}

template <class Format, class T>
void quantize(const QuantizeView& view, const void* x, void* q, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const T* from = static_cast<const T*>(x);
  auto* to = static_cast<typename Format::Element*>(q);
  for_each_vector<Format, V>(
      view, begin, end, [=](const Affine<V>& affine, int64_t i, int64_t n, auto whole) SPRAT_INLINE_LAMBDA {
        if constexpr (decltype(whole)::value) {
          Format::template store<V>(to + i, affine.quantize(V::load(from + i)));
        } else {
          Format::template store_partial<V>(to + i, affine.quantize(V::load_partial(from + i, n)), n);
        }
      });
}

template <class Format, class T>
void dequantize(const QuantizeView& view, const void* q, void* x, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const auto* from = static_cast<const typename Format::Element*>(q);
  T* to = static_cast<T*>(x);
  for_each_vector<Format, V>(
      view, begin, end, [=](const Affine<V>& affine, int64_t i, int64_t n, auto whole) SPRAT_INLINE_LAMBDA {
        if constexpr (decltype(whole)::value) {
          affine.dequantize(Format::template load<V>(from + i)).store(to + i);
        } else {
          affine.dequantize(Format::template load_partial<V>(from + i, n)).store_partial(to + i, n);
        }
      });
}

template <class Format, class T>
void fake_quantize(const QuantizeView& view, const void* x, void* y, uint8_t* inside, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  for_each_vector<Format, V>(view, begin, end,
                             [=](const Affine<V>& affine, int64_t i, int64_t n, auto) SPRAT_INLINE_LAMBDA {
                               const V value = V::load_partial(from + i, n);
                               if (inside) store_mask_u8_partial(inside + i, affine.passes_gradient(value), n);
                               affine.dequantize(affine.quantize(value)).store_partial(to + i, n);
                             });
}

template <class T>
int64_t range_of_elements(const void* x, int64_t begin, int64_t end, void* low, void* high) {
  using V = Vec<T>;
  const T* from = static_cast<const T*>(x);
  ValueRange<V> lanes;
  int64_t i = begin;
  for (; i + kLanes<V> <= end; i += kLanes<V>) lanes.add(V::load(from + i));
  ValueRange<T> range;
  for (; i < end; ++i) range.add(from[i]);
  for (int lane = 0; lane < kLanes<V>; ++lane) merge(range, lanes.low[lane], lanes.high[lane], 0);
  *static_cast<T*>(low) = range.low;
  *static_cast<T*>(high) = range.high;
  return range.non_finite + lanes.non_finite;
}

// One channel in each lane, row after row.
template <class T, class V>
SPRAT_INLINE int64_t range_of_columns(const T* x, int64_t outer, int64_t channels, T* low, T* high) {
  ValueRange<V> lanes;
  for (int64_t o = 0; o < outer; ++o) lanes.add(load<V>(x + o * channels));
  store(low, lanes.low + V(T(0)));
  store(high, lanes.high + V(T(0)));
  return lanes.non_finite;
}

template <class T>
int64_t range_of_channels(const void* x, int64_t outer, int64_t channels, int64_t inner, int64_t begin, int64_t end,
                          void* low, void* high) {
  using V = Vec<T>;
  const T* from = static_cast<const T*>(x);
  T* lows = static_cast<T*>(low);
  T* highs = static_cast<T*>(high);
  int64_t non_finite = 0;
  if (inner == 1) {
    int64_t c = begin;
    for (; c + kLanes<V> <= end; c += kLanes<V>) {
      non_finite += range_of_columns<T, V>(from + c, outer, channels, lows + c, highs + c);
    }
    for (; c < end; ++c) non_finite += range_of_columns<T, T>(from + c, outer, channels, lows + c, highs + c);
    return non_finite;
  }
  for (int64_t c = begin; c < end; ++c) {
    ValueRange<T> range;
    for (int64_t o = 0; o < outer; ++o) {
      const int64_t start = (o * channels + c) * inner;
      T run_low, run_high;
      const int64_t found = range_of_elements<T>(x, start, start + inner, &run_low, &run_high);
      merge(range, run_low, run_high, found);
    }
    lows[c] = range.low;
    highs[c] = range.high;
    non_finite += range.non_finite;
  }
  return non_finite;
}

template <class T>
void choose(const void* low, const void* high, int64_t n, int32_t quant_min, int32_t quant_max, bool symmetric,
            void* scales, int32_t* zero_points) {
  for (int64_t i = 0; i < n; ++i) {
    const QParams<T> chosen =
        choose_qparams(static_cast<const T*>(low)[i], static_cast<const T*>(high)[i], quant_min, quant_max, symmetric);
    static_cast<T*>(scales)[i] = chosen.scale;
    zero_points[i] = chosen.zero_point;
  }
}

template <class... Formats>
struct Rows {
  static constexpr QuantizeFormat list[] = {{Formats::kDtype,
                                             Formats::kMin,
                                             Formats::kMax,
                                             code_at<Formats>,
                                             {quantize<Formats, float>, quantize<Formats, double>},
                                             {dequantize<Formats, float>, dequantize<Formats, double>},
                                             {fake_quantize<Formats, float>, fake_quantize<Formats, double>}}...};
  static constexpr int32_t count = sizeof...(Formats);
};

using AllFormats = QuantizedFormats<Rows>;

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const QuantizeKernels quantize_kernels;
const QuantizeKernels quantize_kernels = {
    AllFormats::list,
    AllFormats::count,
    {range_of_elements<float>, range_of_elements<double>},
    {range_of_channels<float>, range_of_channels<double>},
    {choose<float>, choose<double>},
};
}  // namespace sprat::SPRAT_ISA
