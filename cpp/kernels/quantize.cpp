#include "kernels/quantize.h"

#include "core/unroll.h"
#include "formulas/quantize/affine.h"
#include "formulas/quantize/choose_qparams.h"
#include "formulas/quantize/value_range.h"
#include "kernels/quantize_codes.h"
#include "kernels/quantize_walk.h"
#include "simd/stream.h"
#include "storage/list.h"

SPRAT_ISA_BEGIN

template <class Format>
int32_t code_at(const void* q, int64_t i) {
  return static_cast<const typename Format::Element*>(q)[i];
}

template <class Format>
int64_t first_outside(const void* q, int64_t n, int32_t low, int32_t high) {
  const auto* codes = static_cast<const typename Format::Element*>(q);
  bool all_inside = true;
  for (int64_t i = 0; i < n; ++i) all_inside &= (codes[i] >= low) & (codes[i] <= high);
  if (all_inside) return n;
  int64_t i = 0;
  while (codes[i] >= low && codes[i] <= high) ++i;
  return i;
}

template <class T>
int64_t first_bad_scale(const void* data, int64_t n) {
  const T* scales = static_cast<const T*>(data);
  const auto is_good = [](auto scale) SPRAT_INLINE_LAMBDA {
    return scale > decltype(scale)(T(0)) && scale <= decltype(scale)(kLargest<T>);
  };
  int64_t i = 0;
  while (i + kLanes<Vec<T>> <= n && all(is_good(Vec<T>::load(scales + i)))) i += kLanes<Vec<T>>;
  while (i < n && is_good(scales[i])) ++i;
  return i;
}

template <class Format, class T>
void quantize(const QuantizeView& view, const void* x, void* q, int64_t begin, int64_t end) {
  const Quantize<Format, T> body{static_cast<const T*>(x),         static_cast<typename Format::Element*>(q),
                                 Vec<T>(T(view.quant_min)),        Vec<T>(T(view.quant_max)),
                                 {view.quant_min, view.quant_max}, view.stream};
  for_each_stretch<Format, T, true>(view, begin, end, body);
  if (view.stream) stream_fence();
}

template <class Format, class T>
struct Dequantize {
  using V = Vec<T>;
  const typename Format::Element* from;
  T* to;
  bool stream;

  template <class At>
  SPRAT_INLINE void operator()(const At& at, int64_t first, int64_t n) const {
    const auto* q = from + first;
    T* x = to + first;
    if (n < kLanes<V>) return number(at, 0, Format::template load_partial<V>(q, n)).store_partial(x, n);
    int64_t i = 0;
    if constexpr (At::kIsSame) {
      if (stream) {  // no byte twice: that would fetch what has gone to memory
        i = until_aligned(x);
        number(at, 0, Format::template load_partial<V>(q, i)).store_partial(x, i);
        SPRAT_UNROLL(4)
        for (; i + kLanes<V> <= n; i += kLanes<V>)
          stream_bytes(x + i, number(at, i, Format::template load<V>(q + i)).r);
        return number(at, i, Format::template load_partial<V>(q + i, n - i)).store_partial(x + i, n - i);
      }
    }
    SPRAT_UNROLL(4)
    for (; i + kLanes<V> <= n; i += kLanes<V>) number(at, i, Format::template load<V>(q + i)).store(x + i);
    i = n - kLanes<V>;  // some of the last ones once more
    number(at, i, Format::template load<V>(q + i)).store(x + i);
  }

 private:
  template <class At>
  SPRAT_INLINE V number(const At& at, int64_t i, V code) const {
    return Affine<V>{at.scale(i), at.zero_point(i), V(), V()}.dequantize(code);
  }
};

template <class Format, class T>
void dequantize(const QuantizeView& view, const void* q, void* x, int64_t begin, int64_t end) {
  const Dequantize<Format, T> body{static_cast<const typename Format::Element*>(q), static_cast<T*>(x), view.stream};
  for_each_stretch<Format, T, false>(view, begin, end, body);
  if (view.stream) stream_fence();
}

template <class T, bool kInside>
struct FakeQuantize {
  using V = Vec<T>;
  static constexpr int64_t kStep = 2 * kLanes<V>;
  const T* from;
  T* to;
  uint8_t* inside;
  V quant_min, quant_max;

  template <class At>
  SPRAT_INLINE void operator()(const At& at, int64_t first, int64_t n) const {
    int64_t i = 0;
    for (; i + kStep <= n; i += kStep) pair<true>(at, i, first + i, kStep);
    if (i < n) pair<false>(at, i, first + i, n - i);
  }

 private:
  template <bool kWhole, class At>
  SPRAT_INLINE void pair(const At& at, int64_t i, int64_t place, int64_t n) const {
    V x[2], code[2];
    Mask<V> sure[2], passes[2];
    for (int k = 0; k < 2; ++k) {
      const int64_t j = k * kLanes<V>;
      x[k] = kWhole ? V::load(from + place + j) : V::load_partial(from + place + j, n - j);
      const V unclamped = at.bracket(i + j).shifted_code(x[k], sure[k]) - V(kRoundingMagic<T>);
      code[k] = clamp(unclamped, quant_min, quant_max);
      if (kInside) passes[k] = unclamped == code[k];
    }
    const bool divide = !all(sure[0] && sure[1]);
    for (int k = 0; k < 2; ++k) {
      const int64_t j = k * kLanes<V>;
      const Affine<V> affine{at.scale(i + j), at.zero_point(i + j), quant_min, quant_max};
      if (divide) [[unlikely]] {
        const V scale = affine.scale, value = without_denormals(x[k], scale);
        const Affine<V> larger{without_denormals(scale, scale), affine.zero_point, quant_min, quant_max};
        code[k] = larger.quantize(value);
        if (kInside) passes[k] = larger.passes_gradient(value);
      }
      const V y = affine.dequantize(code[k]);
      if constexpr (kWhole) {
        y.store(to + place + j);
        if (kInside) store_mask_u8(inside + place + j, passes[k]);
      } else {
        y.store_partial(to + place + j, n - j);
        if (kInside) store_mask_u8_partial(inside + place + j, passes[k], n - j);
      }
    }
  }
};

template <class Format, class T, bool kInside>
void fake_quantize_as(const QuantizeView& view, const T* x, T* y, uint8_t* inside, int64_t begin, int64_t end) {
  const FakeQuantize<T, kInside> body{x, y, inside, Vec<T>(T(view.quant_min)), Vec<T>(T(view.quant_max))};
  for_each_stretch<Format, T, true>(view, begin, end, body);
}
template <class Format, class T>
void fake_quantize(const QuantizeView& view, const void* x, void* y, uint8_t* inside, int64_t begin, int64_t end) {
  const auto run = inside ? fake_quantize_as<Format, T, true> : fake_quantize_as<Format, T, false>;
  run(view, static_cast<const T*>(x), static_cast<T*>(y), inside, begin, end);
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
                                             first_outside<Formats>,
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
    {first_bad_scale<float>, first_bad_scale<double>},
    {range_of_elements<float>, range_of_elements<double>},
    {range_of_channels<float>, range_of_channels<double>},
    {choose<float>, choose<double>},
};
}  // namespace sprat::SPRAT_ISA
